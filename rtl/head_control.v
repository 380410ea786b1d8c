// All digital control of one attention head: what drives its arrays and converters, and what becomes
// of their pulses. The clock's period is T_max / (Q_LEVELS - 1); the counting clock's is
// T_max / ((OUTPUT_LEVELS - 1) / 2), its first rising edge half a period behind `started`, which the
// converters give when the pulses of the second stage begin. See README.md.
module head_control #(
    parameter WINDOW = 1024,
    parameter HEAD_DIM = 64,
    parameter TILE = 64,
    parameter Q_LEVELS = 16,
    parameter KV_LEVELS = 8,
    parameter OUTPUT_LEVELS = 32,
    parameter GRAY = 0,          // Gray counter and latches in place of counters
    parameter CLOCK_GATED = 1,
    parameter SYNC_STAGES = 1,   // of counters
    parameter SCALERS = 16,      // side by side
    parameter A_BITS = 8,
    parameter OUT_BITS = 8,
    parameter WRITE_CYCLES = 4,
    parameter RESET_CYCLES = 6,
    parameter DOZE_CYCLES = 14,
    parameter INTEGRATE_CYCLES = Q_LEVELS,
    parameter CONVERT_1_CYCLES = 16,
    parameter CONVERT_2_CYCLES = 16,
    parameter COUNT_CYCLES = 1 + SYNC_STAGES,
    // Derived
    parameter SUB_TILES = (WINDOW + TILE - 1) / TILE,
    parameter Q_BITS = $clog2(Q_LEVELS),
    parameter KV_BITS = $clog2(KV_LEVELS),
    parameter COUNT_BITS = $clog2(OUTPUT_LEVELS) + 1,
    parameter SUM_BITS = COUNT_BITS + $clog2(SUB_TILES),
    parameter SHIFT = SUM_BITS - 3,
    parameter B_BITS = SUM_BITS + A_BITS,
    parameter GROUPS = (HEAD_DIM + SCALERS - 1) / SCALERS,
    parameter GROUP_BITS = (GROUPS > 1) ? $clog2(GROUPS) : 1
) (
    input  wire                          clk,
    input  wire                          count_clk,
    input  wire                          reset,
    // A token
    input  wire                          go,
    output wire                          ready,
    input  wire [   HEAD_DIM*Q_BITS-1:0] q_levels,        // dimension 0 lowest
    input  wire [  HEAD_DIM*KV_BITS-1:0] k_levels,
    input  wire [  HEAD_DIM*KV_BITS-1:0] v_levels,
    input  wire [            A_BITS-1:0] scale_a,
    input  wire [            B_BITS-1:0] scale_b,
    // To the arrays
    output wire [  HEAD_DIM*KV_BITS-1:0] k_codes,
    output wire [  HEAD_DIM*KV_BITS-1:0] v_codes,
    output wire [         SUB_TILES-1:0] write_sub_tile,
    output wire [              TILE-1:0] write_line,
    output wire [         SUB_TILES-1:0] holds_tokens,
    output wire [          HEAD_DIM-1:0] q_pulses,
    // To the converters
    output wire                          reset_1,
    output wire                          doze_1,
    output wire                          convert_1,
    output wire                          awake_1,
    output wire                          reset_2,
    output wire                          doze_2,
    output wire                          convert_2,
    output wire                          awake_2,
    // From the converters, [sub-tile][dimension]
    input  wire                          started,
    input  wire [SUB_TILES*HEAD_DIM-1:0] pulse_p,
    input  wire [SUB_TILES*HEAD_DIM-1:0] pulse_n,
    // The token's output, SCALERS dimensions at a time: in counts, and two periods later scaled
    output wire                          sum_valid,
    output wire [  SCALERS*SUM_BITS-1:0] sum,
    output wire                          out_valid,
    output wire [  SCALERS*OUT_BITS-1:0] out
);
  generate
    if (SCALERS < 1 || SCALERS > HEAD_DIM || HEAD_DIM % SCALERS != 0) begin : illegal_scalers
      HEAD_DIM_must_be_a_multiple_of_SCALERS error ();
    end
    if (INTEGRATE_CYCLES < Q_LEVELS) begin : illegal_integrate
      INTEGRATE_CYCLES_must_be_Q_LEVELS_or_more error ();
    end
  endgenerate
  localparam SUM_STAGES = (SUB_TILES <= 4) ? 1 : ($clog2(SUB_TILES) + 1) / 2;

  wire load, write, pulses_start, count_clear, counting, summing, scaling;
  ring_sequencer #(
      .WINDOW(WINDOW),
      .TILE(TILE),
      .HEAD_DIM(HEAD_DIM),
      .KV_LEVELS(KV_LEVELS),
      .WRITE_CYCLES(WRITE_CYCLES),
      .RESET_CYCLES(RESET_CYCLES),
      .DOZE_CYCLES(DOZE_CYCLES),
      .INTEGRATE_CYCLES(INTEGRATE_CYCLES),
      .CONVERT_1_CYCLES(CONVERT_1_CYCLES),
      .CONVERT_2_CYCLES(CONVERT_2_CYCLES),
      .COUNT_CYCLES(COUNT_CYCLES),
      .SUM_CYCLES(SUM_STAGES),
      .SCALE_CYCLES(GROUPS + 2),
      .CLOCK_GATED(CLOCK_GATED)
  ) sequencer (
      .clk(clk),
      .reset(reset),
      .go(go),
      .ready(ready),
      .load(load),
      .k_levels(k_levels),
      .v_levels(v_levels),
      .k_codes(k_codes),
      .v_codes(v_codes),
      .write(write),
      .write_sub_tile(write_sub_tile),
      .write_line(write_line),
      .holds_tokens(holds_tokens),
      .pulses_start(pulses_start),
      .reset_1(reset_1),
      .doze_1(doze_1),
      .convert_1(convert_1),
      .awake_1(awake_1),
      .reset_2(reset_2),
      .doze_2(doze_2),
      .convert_2(convert_2),
      .awake_2(awake_2),
      .count_clear(count_clear),
      .counting(counting),
      .summing(summing),
      .scaling(scaling)
  );

  pulse_width_modulator #(
      .ROWS(HEAD_DIM),
      .LEVELS(Q_LEVELS),
      .CLOCK_GATED(CLOCK_GATED)
  ) modulator (
      .clk(clk),
      .reset(reset),
      .load(load),
      .levels(q_levels),
      .start(pulses_start),
      .pulses(q_pulses)
  );

  genvar i, d;
  reg [SUB_TILES*HEAD_DIM*COUNT_BITS-1:0] counts;  // see sub_tile_counters.v
  generate
    for (i = 0; i < SUB_TILES; i = i + 1) begin : sub_tiles
      wire [HEAD_DIM*COUNT_BITS-1:0] of_columns;
      always @* counts[i*HEAD_DIM*COUNT_BITS+:HEAD_DIM*COUNT_BITS] = of_columns;
      sub_tile_counters #(
          .COLUMNS(HEAD_DIM),
          .LEVELS(OUTPUT_LEVELS),
          .GRAY(GRAY),
          .CLOCK_GATED(CLOCK_GATED),
          .SYNC_STAGES(SYNC_STAGES)
      ) counters (
          .count_clk(count_clk),
          .clear(count_clear),
          .counting(counting & holds_tokens[i]),
          .started(started),
          .pulse_p(pulse_p[i*HEAD_DIM+:HEAD_DIM]),
          .pulse_n(pulse_n[i*HEAD_DIM+:HEAD_DIM]),
          .counts(of_columns)
      );
    end
  endgenerate

  reg [HEAD_DIM*SUM_BITS-1:0] sums;  // see sub_tile_counters.v
  generate
    for (d = 0; d < HEAD_DIM; d = d + 1) begin : dimensions
      wire [SUB_TILES*COUNT_BITS-1:0] of_dimension;
      for (i = 0; i < SUB_TILES; i = i + 1) begin : parts
        assign of_dimension[i*COUNT_BITS+:COUNT_BITS] = counts[(i*HEAD_DIM+d)*COUNT_BITS+:COUNT_BITS];
      end
      wire [SUM_BITS-1:0] of_sub_tiles;
      always @* sums[d*SUM_BITS+:SUM_BITS] = of_sub_tiles;
      subtile_sum #(
          .SUB_TILES(SUB_TILES),
          .COUNT_BITS(COUNT_BITS),
          .CLOCK_GATED(CLOCK_GATED)
      ) adder (
          .clk(clk),
          .enable(summing),
          .counts(of_dimension),
          .sum(of_sub_tiles)
      );
    end
  endgenerate

  // One group of dimensions after the other.
  localparam [GROUP_BITS:0] ALL_GROUPS = GROUPS;
  reg [GROUP_BITS:0] group;
  assign sum_valid = scaling & (group != ALL_GROUPS);
  always @(posedge clk or posedge reset)
    if (reset) group <= 0;
    else if (!scaling) group <= 0;
    else if (sum_valid) group <= group + 1'b1;

  reg [SCALERS*SUM_BITS-1:0] chosen;
  integer g;
  always @* begin
    chosen = 0;
    for (g = 0; g < GROUPS; g = g + 1)
      if (group == g) chosen = sums[g*SCALERS*SUM_BITS+:SCALERS*SUM_BITS];
  end
  assign sum = chosen;

  wire [SCALERS-1:0] valid;
  assign out_valid = valid[0];
  generate
    for (i = 0; i < SCALERS; i = i + 1) begin : scalers
      scaler #(
          .SUM_BITS(SUM_BITS),
          .A_BITS(A_BITS),
          .OUT_BITS(OUT_BITS),
          .SHIFT(SHIFT)
      ) one (
          .clk(clk),
          .reset(reset),
          .in_valid(sum_valid),
          .sum(chosen[i*SUM_BITS+:SUM_BITS]),
          .a(scale_a),
          .b(scale_b),
          .out_valid(valid[i]),
          .out(out[i*OUT_BITS+:OUT_BITS])
      );
    end
  endgenerate
endmodule
