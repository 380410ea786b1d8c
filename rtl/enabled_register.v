// Data that is taken over at clock edges with `enable`; nothing resets it. With CLOCK_GATED its clock
// stands still otherwise, else each flip-flop has a multiplexer before it.
module enabled_register #(
    parameter WIDTH = 1,
    parameter CLOCK_GATED = 1
) (
    input  wire             clk,
    input  wire             enable,
    input  wire [WIDTH-1:0] d,
    output reg  [WIDTH-1:0] q
);
  generate
    if (WIDTH < 1) begin : illegal
      WIDTH_must_be_1_or_more error ();
    end
    if (CLOCK_GATED) begin : gated
      wire gated_clk;
      clock_gate gate (
          .clk(clk),
          .enable(enable),
          .gated_clk(gated_clk)
      );
      always @(posedge gated_clk) q <= d;
    end else begin : free
      always @(posedge clk) if (enable) q <= d;
    end
  endgenerate
endmodule
