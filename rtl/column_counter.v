// One column's signed counter: edges of the counting clock inside the pulse of either sign. The edges
// come T_max / ((LEVELS - 1) / 2) apart, the first half of that behind the pulse's beginning, so that
// their number is the pulse's width in steps, rounded. Ends at +-LEVELS / 2 and stays there, as a
// saturated pulse lasts until `convert` falls, whenever that is.
//
// Pulses end at any time. With SYNC_STAGES of 1 or more a flip-flop a sign decides about an edge, and
// the counter takes its word an edge later: else the bits of the counter could decide differently.
module column_counter #(
    parameter LEVELS = 32,
    parameter SYNC_STAGES = 1,
    parameter COUNT_BITS = $clog2(LEVELS) + 1  // derived
) (
    input  wire                         count_clk,
    input  wire                         clear,      // asynchronous
    input  wire                         pulse_p,
    input  wire                         pulse_n,
    output reg signed  [COUNT_BITS-1:0] count
);
  generate
    if (LEVELS < 4 || LEVELS > 256 || LEVELS != (1 << $clog2(LEVELS))) begin : illegal_levels
      LEVELS_must_be_a_power_of_two_from_4_to_256 error ();
    end
    if (SYNC_STAGES < 0 || SYNC_STAGES > 3) begin : illegal_stages
      SYNC_STAGES_must_be_0_to_3 error ();
    end
  endgenerate

  wire up, down;
  generate
    if (SYNC_STAGES == 0) begin : direct
      assign up   = pulse_p;
      assign down = pulse_n;
    end else begin : synchronised
      reg [SYNC_STAGES:1] seen_p, seen_n;
      wire [SYNC_STAGES:0] chain_p = {seen_p, pulse_p}, chain_n = {seen_n, pulse_n};
      always @(posedge count_clk or posedge clear)
        if (clear) begin
          seen_p <= 0;
          seen_n <= 0;
        end else begin
          seen_p <= chain_p[SYNC_STAGES-1:0];
          seen_n <= chain_n[SYNC_STAGES-1:0];
        end
      assign up   = seen_p[SYNC_STAGES];
      assign down = seen_n[SYNC_STAGES];
    end
  endgenerate

  // +LEVELS / 2 is 01000.., -LEVELS / 2 is 11000..
  wire at_end = count[COUNT_BITS-2] & ~|count[COUNT_BITS-3:0];
  // +1, or -1 as all ones
  wire [COUNT_BITS-1:0] step = {{COUNT_BITS - 1{down}}, 1'b1};
  always @(posedge count_clk or posedge clear)
    if (clear) count <= 0;
    else if ((up | down) & ~at_end) count <= count + step;
endmodule
