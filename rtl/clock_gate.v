// A clock that passes while `enable` was high before its rising edge. The latch is meant: it keeps
// a change of `enable` from cutting a clock pulse. A library's clock-gating cell takes this module's
// place as a whole.
(* keep_hierarchy *)
module clock_gate (
    input  wire clk,
    input  wire enable,
    output wire gated_clk
);
  reg open;
  always @(clk or enable) if (!clk) open = enable;
  assign gated_clk = clk & open;
endmodule
