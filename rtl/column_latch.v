// One column's count without a counter: latches that follow the sub-tile's Gray counter while the
// pulse lasts, and keep what it was when the pulse ended. `clear` opens them while the Gray counter
// is held at 0, for columns without a pulse. The latches are meant.
module column_latch #(
    parameter LEVELS = 32,
    parameter CODE_BITS = $clog2(LEVELS),      // derived
    parameter COUNT_BITS = $clog2(LEVELS) + 1  // derived
) (
    input  wire                         clear,
    input  wire        [ CODE_BITS-1:0] code,     // of the Gray counter
    input  wire                         pulse_p,
    input  wire                         pulse_n,
    output wire signed [COUNT_BITS-1:0] count
);
  reg  [CODE_BITS-1:0] held;
  wire                 open = clear | pulse_p | pulse_n;
  always @(open or code) if (open) held = code;

  // A latch of `pulse_n` would close with its own input; so the pulse is the clock here.
  reg negative;
  always @(posedge pulse_n or posedge clear)
    if (clear) negative <= 1'b0;
    else negative <= 1'b1;

  wire [CODE_BITS-1:0] size;
  gray_decoder #(
      .BITS(CODE_BITS)
  ) decoder (
      .code(held),
      .number(size)
  );
  assign count = ({1'b0, size} ^ {COUNT_BITS{negative}}) + {{CODE_BITS{1'b0}}, negative};
endmodule
