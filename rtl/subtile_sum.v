// One dimension's counts, added up over the sub-tiles: four numbers at a time, a register behind each
// such stage, so that the longest path is two adders. The sum stands behind STAGES clock edges with
// `enable`, and is kept then.
module subtile_sum #(
    parameter SUB_TILES = 16,
    parameter COUNT_BITS = 6,
    parameter CLOCK_GATED = 1,
    parameter SUM_BITS = COUNT_BITS + $clog2(SUB_TILES),                      // derived
    parameter STAGES = (SUB_TILES <= 4) ? 1 : ($clog2(SUB_TILES) + 1) / 2  // derived
) (
    input  wire                            clk,
    input  wire                            enable,
    input  wire [SUB_TILES*COUNT_BITS-1:0] counts,  // sub-tile 0 lowest
    output wire [            SUM_BITS-1:0] sum
);
  generate
    if (SUB_TILES < 1 || SUB_TILES > 1024) begin : illegal_sub_tiles
      SUB_TILES_must_be_1_to_1024 error ();
    end
  endgenerate

  localparam RADIX = 4;
  // Numbers behind a stage: SUB_TILES / 4^stage, rounded up. All as wide as the sum; the
  // registers only as wide as what they hold.
  wire [SUM_BITS-1:0] number[0:STAGES][0:SUB_TILES+RADIX-2];
  genvar stage, i;
  generate
    for (i = 0; i < SUB_TILES + RADIX - 1; i = i + 1) begin : counts_in
      if (i < SUB_TILES) begin : one
        wire [COUNT_BITS-1:0] count = counts[i*COUNT_BITS+:COUNT_BITS];
        assign number[0][i] = {{SUM_BITS - COUNT_BITS + 1{count[COUNT_BITS-1]}}, count[COUNT_BITS-2:0]};
      end else begin : none
        assign number[0][i] = {SUM_BITS{1'b0}};
      end
    end
    for (stage = 1; stage <= STAGES; stage = stage + 1) begin : stages
      for (i = 0; i < SUB_TILES + RADIX - 1; i = i + 1) begin : sums
        if (i < ((SUB_TILES - 1) >> (2 * stage)) + 1) begin : one
          localparam BITS = (COUNT_BITS + 2 * stage < SUM_BITS) ? COUNT_BITS + 2 * stage : SUM_BITS;
          wire [SUM_BITS-1:0] of_four = (number[stage-1][RADIX*i] + number[stage-1][RADIX*i+1]) +
              (number[stage-1][RADIX*i+2] + number[stage-1][RADIX*i+3]);
          wire [BITS-1:0] held;
          enabled_register #(
              .WIDTH(BITS),
              .CLOCK_GATED(CLOCK_GATED)
          ) register (
              .clk(clk),
              .enable(enable),
              .d(of_four[BITS-1:0]),
              .q(held)
          );
          assign number[stage][i] = {{SUM_BITS - BITS + 1{held[BITS-1]}}, held[BITS-2:0]};
        end else begin : none
          assign number[stage][i] = {SUM_BITS{1'b0}};
        end
      end
    end
  endgenerate
  assign sum = number[STAGES][0];
endmodule
