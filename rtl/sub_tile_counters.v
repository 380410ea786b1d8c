// The counters of a sub-tile's columns: one each (GRAY = 0), or one Gray counter and latches
// (GRAY = 1). `counting` covers the pulses and SYNC_STAGES + 1 edges more; with CLOCK_GATED the
// counting clock reaches the counters only then.
module sub_tile_counters #(
    parameter COLUMNS = 64,
    parameter LEVELS = 32,
    parameter GRAY = 0,
    parameter CLOCK_GATED = 1,
    parameter SYNC_STAGES = 1,                 // of counters
    parameter COUNT_BITS = $clog2(LEVELS) + 1  // derived
) (
    input  wire                          count_clk,
    input  wire                          clear,      // asynchronous, before the pulses
    input  wire                          counting,
    input  wire                          started,    // from the pulses' beginning to their end
    input  wire [           COLUMNS-1:0] pulse_p,
    input  wire [           COLUMNS-1:0] pulse_n,
    output reg  [COLUMNS*COUNT_BITS-1:0] counts      // column 0 lowest
);
  generate
    if (COLUMNS < 1) begin : illegal_columns
      COLUMNS_must_be_1_or_more error ();
    end
  endgenerate

  wire gated_clk;
  generate
    if (CLOCK_GATED) begin : gated
      clock_gate gate (
          .clk(count_clk),
          .enable(counting),
          .gated_clk(gated_clk)
      );
    end else begin : free
      assign gated_clk = count_clk;
    end
  endgenerate

  // The bus is put together by assignments to a variable: a net with so many drivers is resolved as a
  // whole by simulators, whenever one of them changes.
  genvar column;
  generate
    if (GRAY) begin : gray
      wire [COUNT_BITS-2:0] code;
      gray_counter #(
          .LEVELS(LEVELS)
      ) counter (
          .count_clk(gated_clk),
          .clear(clear),
          .started(started),
          .code(code)
      );
      for (column = 0; column < COLUMNS; column = column + 1) begin : columns
        wire [COUNT_BITS-1:0] count;
        always @* counts[column*COUNT_BITS+:COUNT_BITS] = count;
        column_latch #(
            .LEVELS(LEVELS)
        ) latch (
            .clear(clear),
            .code(code),
            .pulse_p(pulse_p[column]),
            .pulse_n(pulse_n[column]),
            .count(count)
        );
      end
    end else begin : binary
      for (column = 0; column < COLUMNS; column = column + 1) begin : columns
        wire [COUNT_BITS-1:0] count;
        always @* counts[column*COUNT_BITS+:COUNT_BITS] = count;
        column_counter #(
            .LEVELS(LEVELS),
            .SYNC_STAGES(SYNC_STAGES)
        ) counter (
            .count_clk(gated_clk),
            .clear(clear),
            .pulse_p(pulse_p[column]),
            .pulse_n(pulse_n[column]),
            .count(count)
        );
      end
    end
  endgenerate
endmodule
