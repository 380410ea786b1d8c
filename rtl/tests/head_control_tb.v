// A head on the tokens of a vector file: what leaves for arrays and converters is measured, pulses of
// the second stage come as wide as the engine says, and sums and outputs are compared.
// One unit of time is a femtosecond. +vectors=FILE [+tokens=N]
module head_control_tb;
  parameter WINDOW = 64;
  parameter HEAD_DIM = 64;
  parameter TILE = 64;
  parameter Q_LEVELS = 16;
  parameter KV_LEVELS = 8;
  parameter OUTPUT_LEVELS = 32;
  parameter GRAY = 0;
  parameter CLOCK_GATED = 1;
  parameter SYNC_STAGES = 1;
  parameter SCALERS = 16;
  parameter START_DELAY = 600000;  // of the converters' start, behind `convert_2`
  parameter COUNT_EDGES = 55;      // of the counting clock, from `started` into the next token

  localparam SUB_TILES = (WINDOW + TILE - 1) / TILE;
  localparam Q_BITS = $clog2(Q_LEVELS), KV_BITS = $clog2(KV_LEVELS);
  localparam COUNT_BITS = $clog2(OUTPUT_LEVELS) + 1, SUM_BITS = COUNT_BITS + $clog2(SUB_TILES);
  localparam A_BITS = 8, OUT_BITS = 8, B_BITS = SUM_BITS + A_BITS;
  localparam GROUPS = HEAD_DIM / SCALERS, COLUMNS = SUB_TILES * HEAD_DIM;
  localparam T_MAX = 15000000, PERIOD = T_MAX / (Q_LEVELS - 1);
  localparam WRITE_CYCLES = 4, RESET_CYCLES = 6, DOZE_CYCLES = 14, CONVERT_CYCLES = 16;
  localparam INTEGRATE_CYCLES = Q_LEVELS;

  reg clk = 0, count_clk = 0, reset = 1, go = 0;
  reg [HEAD_DIM*Q_BITS-1:0] q_levels;
  reg [HEAD_DIM*KV_BITS-1:0] k_levels, v_levels;
  reg [A_BITS-1:0] scale_a;
  reg [B_BITS-1:0] scale_b;
  reg started = 0;
  reg [COLUMNS-1:0] pulse_p = 0, pulse_n = 0;
  wire ready, reset_1, doze_1, convert_1, awake_1, reset_2, doze_2, convert_2, awake_2;
  wire [HEAD_DIM*KV_BITS-1:0] k_codes, v_codes;
  wire [SUB_TILES-1:0] write_sub_tile, holds_tokens;
  wire [TILE-1:0] write_line;
  wire [HEAD_DIM-1:0] q_pulses;
  wire sum_valid, out_valid;
  wire [SCALERS*SUM_BITS-1:0] sum;
  wire [SCALERS*OUT_BITS-1:0] out;

  head_control
`ifndef GATES
  #(
      .WINDOW(WINDOW),
      .HEAD_DIM(HEAD_DIM),
      .TILE(TILE),
      .Q_LEVELS(Q_LEVELS),
      .KV_LEVELS(KV_LEVELS),
      .OUTPUT_LEVELS(OUTPUT_LEVELS),
      .GRAY(GRAY),
      .CLOCK_GATED(CLOCK_GATED),
      .SYNC_STAGES(SYNC_STAGES),
      .SCALERS(SCALERS)
  )
`endif
  dut (
      .clk(clk),
      .count_clk(count_clk),
      .reset(reset),
      .go(go),
      .ready(ready),
      .q_levels(q_levels),
      .k_levels(k_levels),
      .v_levels(v_levels),
      .scale_a(scale_a),
      .scale_b(scale_b),
      .k_codes(k_codes),
      .v_codes(v_codes),
      .write_sub_tile(write_sub_tile),
      .write_line(write_line),
      .holds_tokens(holds_tokens),
      .q_pulses(q_pulses),
      .reset_1(reset_1),
      .doze_1(doze_1),
      .convert_1(convert_1),
      .awake_1(awake_1),
      .reset_2(reset_2),
      .doze_2(doze_2),
      .convert_2(convert_2),
      .awake_2(awake_2),
      .started(started),
      .pulse_p(pulse_p),
      .pulse_n(pulse_n),
      .sum_valid(sum_valid),
      .sum(sum),
      .out_valid(out_valid),
      .out(out)
  );

  always #(PERIOD / 2) clk = ~clk;

  // ---- the token at hand
  integer file, found, tokens, last_token, token, slot, i;
  integer level[0:HEAD_DIM-1], k_code[0:HEAD_DIM-1], v_code[0:HEAD_DIM-1];
  integer width[0:COLUMNS-1];
  integer want_sum[0:HEAD_DIM-1], want_out[0:HEAD_DIM-1];
  integer a, b;

  // ---- what is right and what is not
  integer checked = 0, wrong = 0;
  task check(input [8*24-1:0] what, input integer index, input [63:0] got, input [63:0] want);
    begin
      checked = checked + 1;
      if (got !== want) begin
        wrong = wrong + 1;
        if (wrong <= 10)
          $display("token %0d: %0s[%0d] is %0d, must be %0d", token, what, index, $signed(got),
                   $signed(want));
      end
    end
  endtask

  // ---- converters of the second stage
  always @(posedge convert_2) begin
    #(START_DELAY) started = 1;
    @(negedge convert_2) started = 0;
  end
  integer edge_k;
  time begun;
  always @(posedge started) begin
    begun = $time;
    for (edge_k = 1; edge_k <= COUNT_EDGES; edge_k = edge_k + 1) begin
      // rounded up, as in the vectors
      #(begun + ((2 * edge_k - 1) * T_MAX + OUTPUT_LEVELS - 2) / (OUTPUT_LEVELS - 1) - $time)
      count_clk = 1;
      #(T_MAX / (OUTPUT_LEVELS - 1)) count_clk = 0;
    end
  end
  genvar g;
  generate
    for (g = 0; g < COLUMNS; g = g + 1) begin : converters
      always @(posedge started)
        if (width[g] != 0) begin
          pulse_p[g] = width[g] > 0;
          pulse_n[g] = width[g] < 0;
          // Saturated: until `convert` falls.
          if (width[g] >= T_MAX || width[g] <= -T_MAX) @(negedge convert_2);
          else #(width[g] > 0 ? width[g] : -width[g]);
          pulse_p[g] = 0;
          pulse_n[g] = 0;
        end
    end
  endgenerate

  // ---- pulses of the first array
  time rose[0:HEAD_DIM-1], integrates;
  integer lasted[0:HEAD_DIM-1], pulses[0:HEAD_DIM-1];
  generate
    for (g = 0; g < HEAD_DIM; g = g + 1) begin : rows
      always @(posedge q_pulses[g]) begin
        rose[g]   = $time;
        pulses[g] = pulses[g] + 1;
      end
      always @(negedge q_pulses[g]) lasted[g] = lasted[g] + ($time - rose[g]);
    end
  endgenerate
  always @(posedge doze_1) integrates = $time;

  // ---- phases, in the middle of each period
  integer writes, resets_1, dozes_1, converts_1, awakes_1, resets_2, dozes_2, converts_2, awakes_2;
  wire [8:0] phases = {|write_sub_tile, reset_1, doze_1, convert_1, awake_1, reset_2, doze_2,
                       convert_2, awake_2};
  always @(negedge clk)
    if (!reset) begin
      writes = writes + phases[8];
      resets_1 = resets_1 + phases[7];
      dozes_1 = dozes_1 + phases[6];
      converts_1 = converts_1 + phases[5];
      awakes_1 = awakes_1 + phases[4];
      resets_2 = resets_2 + phases[3];
      dozes_2 = dozes_2 + phases[2];
      converts_2 = converts_2 + phases[1];
      awakes_2 = awakes_2 + phases[0];
      if (|write_sub_tile) begin
        check("read while written", 0, |q_pulses | convert_1 | convert_2, 0);
        for (i = 0; i < SUB_TILES; i = i + 1)
          check("write_sub_tile", i, write_sub_tile[i], i == slot / TILE);
        for (i = 0; i < TILE; i = i + 1) check("write_line", i, write_line[i], i == slot % TILE);
        for (i = 0; i < HEAD_DIM; i = i + 1) begin
          check("k_codes", i, k_codes[i*KV_BITS+:KV_BITS], k_code[i]);
          check("v_codes", i, v_codes[i*KV_BITS+:KV_BITS], v_code[i]);
        end
      end else check("write_line", 0, |write_line, 0);
      if (convert_1 | convert_2) check("query pulse in convert", 0, |q_pulses, 0);
    end

  // ---- a token
  task read_header;
    integer version, dim, window, tile, q_count, kv_count, out_count, t_max;
    reg [8*16-1:0] magic;
    begin
      found = $fscanf(file, "%s %d %d %d %d %d %d %d %d %d", magic, version, tokens, dim, window,
                      tile, q_count, kv_count, out_count, t_max);
      if (found != 10 || version != 1 || dim != HEAD_DIM || window != WINDOW || tile != TILE ||
          q_count != Q_LEVELS || kv_count != KV_LEVELS || out_count != OUTPUT_LEVELS ||
          t_max != T_MAX) begin
        $display("the vectors are of another head");
        $finish_and_return(1);
      end
    end
  endtask

  task read_token;
    integer tile, d, skipped;
    begin
      found = $fscanf(file, "%d %d %d", slot, a, b);
      for (d = 0; d < HEAD_DIM; d = d + 1) found = $fscanf(file, "%d", level[d]);
      for (d = 0; d < HEAD_DIM; d = d + 1) found = $fscanf(file, "%d", k_code[d]);
      for (d = 0; d < HEAD_DIM; d = d + 1) found = $fscanf(file, "%d", v_code[d]);
      for (tile = 0; tile < SUB_TILES; tile = tile + 1) begin
        for (d = tile * HEAD_DIM; d < (tile + 1) * HEAD_DIM; d = d + 1)
          found = $fscanf(file, "%d", width[d]);
        for (d = 0; d < HEAD_DIM; d = d + 1) found = $fscanf(file, "%d", skipped);  // counts
      end
      for (d = 0; d < HEAD_DIM; d = d + 1) found = $fscanf(file, "%d", want_sum[d]);
      for (d = 0; d < HEAD_DIM; d = d + 1) found = $fscanf(file, "%d", want_out[d]);
      if (found != 1) begin
        $display("the vectors end early");
        $finish_and_return(1);
      end
    end
  endtask

  task give_token;
    integer d;
    begin
      for (d = 0; d < HEAD_DIM; d = d + 1) begin
        q_levels[d*Q_BITS+:Q_BITS] = level[d];
        k_levels[d*KV_BITS+:KV_BITS] = k_code[d];
        v_levels[d*KV_BITS+:KV_BITS] = v_code[d];
        lasted[d] = 0;
        pulses[d] = 0;
      end
      scale_a = a;
      scale_b = b;
      {writes, resets_1, dozes_1, converts_1, awakes_1} = 0;
      {resets_2, dozes_2, converts_2, awakes_2} = 0;
      check("ready", 0, ready, 1);
      go = 1;
      @(posedge clk);
      #1 go = 0;
      // Held by the head from here on.
      q_levels = ~q_levels;
      k_levels = ~k_levels;
      v_levels = ~v_levels;
    end
  endtask

  reg signed [SUM_BITS-1:0] one_sum;
  reg signed [OUT_BITS-1:0] one_out;
  task take_outputs;
    integer group, d;
    begin
      @(posedge sum_valid);
      for (group = 0; group < GROUPS + 2; group = group + 1) begin
        @(negedge clk);
        check("sum_valid", group, sum_valid, group < GROUPS);
        check("out_valid", group, out_valid, group >= 2);
        for (d = 0; d < SCALERS; d = d + 1) begin
          one_sum = sum[d*SUM_BITS+:SUM_BITS];
          one_out = out[d*OUT_BITS+:OUT_BITS];
          if (group < GROUPS) check("sum", group * SCALERS + d, one_sum, want_sum[group*SCALERS+d]);
          if (group >= 2)
            check("out", (group - 2) * SCALERS + d, one_out, want_out[(group-2)*SCALERS+d]);
        end
      end
    end
  endtask

  task check_phases;
    integer d;
    begin
      for (d = 0; d < HEAD_DIM; d = d + 1) begin
        check("pulse width", d, lasted[d], level[d] * PERIOD);
        check("pulses", d, pulses[d], level[d] != 0);
        if (level[d] != 0) check("pulse begins", d, rose[d], integrates);
      end
      check("write cycles", 0, writes, WRITE_CYCLES);
      check("reset_1 cycles", 0, resets_1, RESET_CYCLES);
      check("doze_1 cycles", 0, dozes_1, DOZE_CYCLES);
      check("convert_1 cycles", 0, converts_1, CONVERT_CYCLES);
      check("awake_1 cycles", 0, awakes_1, RESET_CYCLES + INTEGRATE_CYCLES + CONVERT_CYCLES);
      check("reset_2 cycles", 0, resets_2, RESET_CYCLES);
      check("doze_2 cycles", 0, dozes_2, DOZE_CYCLES);
      check("convert_2 cycles", 0, converts_2, CONVERT_CYCLES);
      check("awake_2 cycles", 0, awakes_2, RESET_CYCLES + 2 * CONVERT_CYCLES);
      for (d = 0; d < SUB_TILES; d = d + 1)
        check("holds_tokens", d, holds_tokens[d], token >= d * TILE);
    end
  endtask

  reg [8*512-1:0] path;
  initial begin
    if (!$value$plusargs("vectors=%s", path)) path = "";
    file = $fopen(path, "r");
    if (file == 0) begin
      $display("cannot open the vectors, +vectors=FILE");
      $finish_and_return(1);
    end
    token = 0;
    read_header;
    if (!$value$plusargs("tokens=%d", last_token)) last_token = tokens;
    #(3 * PERIOD) reset = 0;
    @(negedge clk);
    for (token = 0; token < last_token && token < tokens; token = token + 1) begin
      read_token;
      give_token;
      take_outputs;
      check_phases;
      // Most tokens follow at once, some later.
      if (token % 7 == 3) repeat (token % 5 + 1) @(negedge clk);
    end
    $display("%0d tokens, %0d checked, %0d wrong", token, checked, wrong);
    $finish_and_return(wrong != 0 || checked == 0);
  end

  // A head that never answers fails as well.
  always @(posedge go) begin : watch
    fork : wait_for_it
      begin
        #(300 * PERIOD);
        $display("token %0d: no output in 300 periods", token);
        $finish_and_return(1);
      end
      @(posedge out_valid) disable wait_for_it;
    join
  end
endmodule
