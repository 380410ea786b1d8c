// The counters of a sub-tile on the pulses of a vector file, sub-tile by sub-tile, each count
// compared. One unit of time is a femtosecond. +vectors=FILE [+tokens=N]
module sub_tile_counters_tb;
  parameter COLUMNS = 64;
  parameter LEVELS = 32;
  parameter GRAY = 0;
  parameter CLOCK_GATED = 1;
  parameter SYNC_STAGES = 1;
  parameter T_MAX = 15000000;
  parameter CONVERT = 18000000;  // a saturated pulse is still high two edges behind its last count
  parameter START_DELAY = 600000;
  localparam COUNT_BITS = $clog2(LEVELS) + 1;
  localparam EDGES = LEVELS / 2 + 6;

  reg count_clk = 0, clear = 0, counting = 0, started = 0;
  reg [COLUMNS-1:0] pulse_p = 0, pulse_n = 0;
  wire [COLUMNS*COUNT_BITS-1:0] counts;
  sub_tile_counters
`ifndef GATES
  #(
      .COLUMNS(COLUMNS),
      .LEVELS(LEVELS),
      .GRAY(GRAY),
      .CLOCK_GATED(CLOCK_GATED),
      .SYNC_STAGES(SYNC_STAGES)
  )
`endif
  dut (
      .count_clk(count_clk),
      .clear(clear),
      .counting(counting),
      .started(started),
      .pulse_p(pulse_p),
      .pulse_n(pulse_n),
      .counts(counts)
  );

  integer width[0:COLUMNS-1], want[0:COLUMNS-1];
  event converted;
  genvar g;
  generate
    for (g = 0; g < COLUMNS; g = g + 1) begin : converters
      always @(posedge started)
        if (width[g] != 0) begin
          pulse_p[g] = width[g] > 0;
          pulse_n[g] = width[g] < 0;
          if (width[g] >= T_MAX || width[g] <= -T_MAX) @(converted);
          else #(width[g] > 0 ? width[g] : -width[g]);
          pulse_p[g] = 0;
          pulse_n[g] = 0;
        end
    end
  endgenerate
  integer edge_k;
  time begun;
  always @(posedge started) begin
    begun = $time;
    for (edge_k = 1; edge_k <= EDGES; edge_k = edge_k + 1) begin
      #(begun + ((2 * edge_k - 1) * T_MAX + LEVELS - 2) / (LEVELS - 1) - $time) count_clk = 1;
      #(T_MAX / (LEVELS - 1)) count_clk = 0;
    end
  end

  integer file, found, tokens, last_token, token, tile, tiles, d, skip, checked, wrong;
  integer version, dim, window, tile_size, q_count, kv_count, out_count, t_max;
  reg [8*16-1:0] magic;
  reg [8*512-1:0] path;
  reg signed [COUNT_BITS-1:0] count;
  initial begin
    checked = 0;
    wrong = 0;
    if (!$value$plusargs("vectors=%s", path)) path = "";
    file = $fopen(path, "r");
    found = file == 0 ? 0 : $fscanf(file, "%s %d %d %d %d %d %d %d %d %d", magic, version, tokens,
                                    dim, window, tile_size, q_count, kv_count, out_count, t_max);
    if (found != 10 || version != 1 || dim != COLUMNS || out_count != LEVELS || t_max != T_MAX)
    begin
      $display("no vectors of such a sub-tile, +vectors=FILE");
      $finish_and_return(1);
    end
    if (!$value$plusargs("tokens=%d", last_token)) last_token = tokens;
    tiles = (window + tile_size - 1) / tile_size;
    for (token = 0; token < last_token && token < tokens; token = token + 1) begin
      for (d = 0; d < 3 + 3 * COLUMNS; d = d + 1) found = $fscanf(file, "%d", skip);
      for (tile = 0; tile < tiles; tile = tile + 1) begin
        for (d = 0; d < COLUMNS; d = d + 1) found = $fscanf(file, "%d", width[d]);
        for (d = 0; d < COLUMNS; d = d + 1) found = $fscanf(file, "%d", want[d]);
        clear = 1;
        #2000000 clear = 0;
        #2000000 counting = 1;
        #(START_DELAY) started = 1;
        #(CONVERT - START_DELAY) started = 0;
        ->converted;
        #6000000 counting = 0;
        for (d = 0; d < COLUMNS; d = d + 1) begin
          checked = checked + 1;
          count = counts[d*COUNT_BITS+:COUNT_BITS];
          if (count !== want[d]) begin
            wrong = wrong + 1;
            if (wrong <= 10)
              $display("token %0d, sub-tile %0d, column %0d: count %0d of %0d fs, must be %0d",
                       token, tile, d, count, width[d], want[d]);
          end
        end
      end
      for (d = 0; d < 2 * COLUMNS; d = d + 1) found = $fscanf(file, "%d", skip);
    end
    $display("%0d tokens, %0d checked, %0d wrong", token, checked, wrong);
    $finish_and_return(wrong != 0 || checked == 0);
  end
endmodule
