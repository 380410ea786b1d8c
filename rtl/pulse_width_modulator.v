// Levels as pulses on the word lines of the first array. All begin at the clock edge that meets
// `start`; that of level n ends n periods later (the period is T_max / (LEVELS - 1)), and level 0
// has none. Each line is a flip-flop's output, so none has glitches. `load` takes new levels.
module pulse_width_modulator #(
    parameter ROWS = 64,
    parameter LEVELS = 16,
    parameter CLOCK_GATED = 1,
    parameter LEVEL_BITS = $clog2(LEVELS)  // derived
) (
    input  wire                       clk,
    input  wire                       reset,
    input  wire                       load,
    input  wire [ROWS*LEVEL_BITS-1:0] levels,  // row 0 lowest
    input  wire                       start,
    output reg  [           ROWS-1:0] pulses
);
  generate
    if (ROWS < 1) begin : illegal_rows
      ROWS_must_be_1_or_more error ();
    end
    if (LEVELS < 2 || LEVELS > 256) begin : illegal_levels
      LEVELS_must_be_2_to_256 error ();
    end
  endgenerate

  wire [ROWS*LEVEL_BITS-1:0] held;
  enabled_register #(
      .WIDTH(ROWS * LEVEL_BITS),
      .CLOCK_GATED(CLOCK_GATED)
  ) held_levels (
      .clk(clk),
      .enable(load),
      .d(levels),
      .q(held)
  );

  // Periods since the start; 0 at rest, and what all rows share.
  localparam [LEVEL_BITS-1:0] LAST = LEVELS - 1;
  reg  [LEVEL_BITS-1:0] elapsed;
  wire                  running = start | (elapsed != 0);
  always @(posedge clk or posedge reset)
    if (reset) elapsed <= 0;
    else if (running) elapsed <= (elapsed == LAST) ? 0 : elapsed + 1'b1;

  wire pulse_clk;
  generate
    if (CLOCK_GATED) begin : gated
      clock_gate gate (
          .clk(clk),
          .enable(running),
          .gated_clk(pulse_clk)
      );
    end else begin : free
      assign pulse_clk = clk;
    end
  endgenerate

  genvar row;
  generate
    for (row = 0; row < ROWS; row = row + 1) begin : rows
      always @(posedge pulse_clk or posedge reset)
        if (reset) pulses[row] <= 1'b0;
        else if (CLOCK_GATED || running) pulses[row] <= held[row*LEVEL_BITS+:LEVEL_BITS] > elapsed;
    end
  endgenerate
endmodule
