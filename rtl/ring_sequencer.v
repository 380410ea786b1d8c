// A head's order of events, and the ring that the tokens stand in. A token comes with `go` while
// `ready`: its codes are held for the DACs, its slot is written, and only then it is read, itself
// included, by both arrays. The next slot is the next token's; behind the last slot it is the first.
//
//   WRITE        the slot's word line, while the first converters are reset
//   INTEGRATE_1  query pulses on the first array
//   CONVERT_1    its pulses are the second array's input
//   CONVERT_2    pulses are counted
//   COUNT        counters come to rest
//   SUM, SCALE
//
// What leaves the logic comes out of flip-flops, without glitches; the word lines are decoded from
// registers that stand while they are enabled. Times of converters are those of their benches
// (netlists/array), in clock periods.
module ring_sequencer #(
    parameter WINDOW = 1024,
    parameter TILE = 64,
    parameter HEAD_DIM = 64,
    parameter KV_LEVELS = 8,
    parameter WRITE_CYCLES = 4,
    parameter RESET_CYCLES = 6,
    parameter DOZE_CYCLES = 14,
    parameter INTEGRATE_CYCLES = 16,
    parameter CONVERT_1_CYCLES = 16,
    parameter CONVERT_2_CYCLES = 16,
    parameter COUNT_CYCLES = 2,
    parameter SUM_CYCLES = 2,
    parameter SCALE_CYCLES = 6,
    parameter CLOCK_GATED = 1,
    parameter SUB_TILES = (WINDOW + TILE - 1) / TILE,  // derived
    parameter CODE_BITS = $clog2(KV_LEVELS)            // derived
) (
    input  wire                          clk,
    input  wire                          reset,
    input  wire                          go,
    output wire                          ready,
    output wire                          load,             // the token is taken at this edge
    input  wire [HEAD_DIM*CODE_BITS-1:0] k_levels,
    input  wire [HEAD_DIM*CODE_BITS-1:0] v_levels,
    output wire [HEAD_DIM*CODE_BITS-1:0] k_codes,
    output wire [HEAD_DIM*CODE_BITS-1:0] v_codes,
    output reg                           write,
    output wire [         SUB_TILES-1:0] write_sub_tile,
    output wire [              TILE-1:0] write_line,       // in the sub-tile
    output reg  [         SUB_TILES-1:0] holds_tokens,     // sub-tiles; the others sleep
    output reg                           pulses_start,     // one period before INTEGRATE_1
    output reg                           reset_1,
    output reg                           doze_1,
    output reg                           convert_1,
    output reg                           awake_1,
    output reg                           reset_2,
    output reg                           doze_2,
    output reg                           convert_2,
    output reg                           awake_2,
    output reg                           count_clear,
    output reg                           counting,
    output reg                           summing,
    output reg                           scaling
);
  generate
    if (WINDOW < 1 || WINDOW > 65536) begin : illegal_window
      WINDOW_must_be_1_to_65536 error ();
    end
    if (TILE < 1 || HEAD_DIM < 1) begin : illegal_size
      TILE_and_HEAD_DIM_must_be_1_or_more error ();
    end
    if (KV_LEVELS < 2 || KV_LEVELS > 256) begin : illegal_levels
      KV_LEVELS_must_be_2_to_256 error ();
    end
    if (WRITE_CYCLES < 1 || RESET_CYCLES <= WRITE_CYCLES) begin : illegal_write
      WRITE_CYCLES_must_be_1_or_more_and_less_than_RESET_CYCLES error ();
    end
    if (INTEGRATE_CYCLES <= RESET_CYCLES || DOZE_CYCLES >= INTEGRATE_CYCLES ||
        DOZE_CYCLES >= CONVERT_1_CYCLES) begin : illegal_integrate
      INTEGRATE_CYCLES_must_exceed_RESET_CYCLES_and_DOZE_CYCLES error ();
    end
    if (DOZE_CYCLES < 1 || CONVERT_2_CYCLES < 1 || COUNT_CYCLES < 1 || SUM_CYCLES < 1 ||
        SCALE_CYCLES < 1) begin : illegal_cycles
      each_phase_must_have_1_cycle_or_more error ();
    end
  endgenerate

  localparam [2:0] IDLE = 0, WRITE = 1, INTEGRATE_1 = 2, CONVERT_1 = 3, CONVERT_2 = 4, COUNT = 5,
      SUM = 6, SCALE = 7;
  localparam CYCLE_BITS = 8;
  reg [2:0] state, next_state;
  reg [CYCLE_BITS-1:0] cycle, last_cycle;
  wire ends = cycle == last_cycle;

  always @* begin
    case (state)
      WRITE:       last_cycle = RESET_CYCLES - 1;
      INTEGRATE_1: last_cycle = INTEGRATE_CYCLES - 1;
      CONVERT_1:   last_cycle = CONVERT_1_CYCLES - 1;
      CONVERT_2:   last_cycle = CONVERT_2_CYCLES - 1;
      COUNT:       last_cycle = COUNT_CYCLES - 1;
      SUM:         last_cycle = SUM_CYCLES - 1;
      SCALE:       last_cycle = SCALE_CYCLES - 1;
      default:     last_cycle = 0;
    endcase
  end

  assign ready = (state == IDLE) | ((state == SCALE) & ends);
  assign load = ready & go;
  wire [CYCLE_BITS-1:0] next_cycle = (ends | (state == IDLE)) ? 0 : cycle + 1'b1;
  always @* begin
    next_state = state;
    if (ready) next_state = go ? WRITE : IDLE;
    else if (ends) next_state = state + 1'b1;
  end

  always @(posedge clk or posedge reset)
    if (reset) begin
      state <= IDLE;
      cycle <= 0;
    end else begin
      state <= next_state;
      cycle <= next_cycle;
    end

  // From what comes next, so that outputs are flip-flops and in step with the state.
  wire next_writes = next_state == WRITE;
  wire next_integrates_1 = next_state == INTEGRATE_1;
  wire next_converts_1 = next_state == CONVERT_1;
  wire next_converts_2 = next_state == CONVERT_2;
  wire next_resets_2 = next_integrates_1 & (next_cycle >= INTEGRATE_CYCLES - RESET_CYCLES);
  always @(posedge clk or posedge reset)
    if (reset) begin
      {write, pulses_start, reset_1, doze_1, convert_1, awake_1} <= 0;
      {reset_2, doze_2, convert_2, awake_2} <= 0;
      {count_clear, counting, summing, scaling} <= 0;
    end else begin
      write <= next_writes & (next_cycle < WRITE_CYCLES);
      pulses_start <= next_writes & (next_cycle == RESET_CYCLES - 1);
      reset_1 <= next_writes;
      doze_1 <= next_integrates_1 & (next_cycle < DOZE_CYCLES);
      convert_1 <= next_converts_1;
      awake_1 <= next_writes | next_integrates_1 | next_converts_1;
      reset_2 <= next_resets_2;
      doze_2 <= next_converts_1 & (next_cycle < DOZE_CYCLES);
      convert_2 <= next_converts_2;
      awake_2 <= next_resets_2 | next_converts_1 | next_converts_2;
      count_clear <= next_resets_2;
      counting <= next_converts_2 | (next_state == COUNT);
      summing <= next_state == SUM;
      scaling <= next_state == SCALE;
    end

  // The ring: a sub-tile and a line in it. The last sub-tile may be shorter.
  localparam LINE_BITS = (TILE > 1) ? $clog2(TILE) : 1;
  localparam SUB_TILE_BITS = (SUB_TILES > 1) ? $clog2(SUB_TILES) : 1;
  localparam [LINE_BITS-1:0] LAST_LINE = TILE - 1, LAST_LINE_OF_WINDOW = (WINDOW - 1) % TILE;
  localparam [SUB_TILE_BITS-1:0] LAST_SUB_TILE = SUB_TILES - 1;
  reg [LINE_BITS-1:0] line;
  reg [SUB_TILE_BITS-1:0] sub_tile;
  wire wraps = (sub_tile == LAST_SUB_TILE) & (line == LAST_LINE_OF_WINDOW);
  wire moves = (state == WRITE) & ends;  // the word line is low since a period or more
  always @(posedge clk or posedge reset)
    if (reset) begin
      line <= 0;
      sub_tile <= 0;
      holds_tokens <= 0;
    end else if (moves) begin
      line <= (wraps | (line == LAST_LINE)) ? 0 : line + 1'b1;
      if (wraps) sub_tile <= 0;
      else if (line == LAST_LINE) sub_tile <= sub_tile + 1'b1;
      holds_tokens <= holds_tokens | selected;
    end

  wire [SUB_TILES-1:0] selected;
  genvar i;
  generate
    for (i = 0; i < SUB_TILES; i = i + 1) begin : sub_tiles
      assign selected[i] = sub_tile == i;
      assign write_sub_tile[i] = write & selected[i];
    end
    for (i = 0; i < TILE; i = i + 1) begin : lines
      assign write_line[i] = write & (line == i);
    end
  endgenerate

  enabled_register #(
      .WIDTH(2 * HEAD_DIM * CODE_BITS),
      .CLOCK_GATED(CLOCK_GATED)
  ) codes (
      .clk(clk),
      .enable(load),
      .d({v_levels, k_levels}),
      .q({v_codes, k_codes})
  );
endmodule
