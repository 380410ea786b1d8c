// What the columns of a sub-tile share where they have latches: edges of the counting clock since the
// pulses began, 0 to LEVELS / 2, in Gray code, so that a latch that closes at an edge is off by one
// at most. Stays at its end.
module gray_counter #(
    parameter LEVELS = 32,
    parameter CODE_BITS = $clog2(LEVELS)  // derived
) (
    input  wire                 count_clk,
    input  wire                 clear,      // asynchronous
    input  wire                 started,    // from the pulses' beginning on
    output reg  [CODE_BITS-1:0] code
);
  generate
    if (LEVELS < 4 || LEVELS > 256 || LEVELS != (1 << $clog2(LEVELS))) begin : illegal_levels
      LEVELS_must_be_a_power_of_two_from_4_to_256 error ();
    end
  endgenerate

  wire [CODE_BITS-1:0] elapsed;
  gray_decoder #(
      .BITS(CODE_BITS)
  ) decoder (
      .code(code),
      .number(elapsed)
  );
  wire [CODE_BITS-1:0] next = elapsed + 1'b1;
  always @(posedge count_clk or posedge clear)
    if (clear) code <= 0;
    else if (started & ~elapsed[CODE_BITS-1]) code <= next ^ (next >> 1);
endmodule
