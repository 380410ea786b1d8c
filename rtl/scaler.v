// out = a * sum + b in two stages: the product, then offset, rounding and saturation. `a` is a whole
// number of 2^-SHIFT output steps a count, `b` of 2^-SHIFT output steps; the output is in steps,
// rounded half up, and held at the ends of its range.
module scaler #(
    parameter SUM_BITS = 10,
    parameter A_BITS = 8,
    parameter OUT_BITS = 8,
    parameter SHIFT = 8,
    parameter PRODUCT_BITS = SUM_BITS + A_BITS  // derived; of b, too
) (
    input  wire                           clk,
    input  wire                           reset,
    input  wire                           in_valid,
    input  wire signed [    SUM_BITS-1:0] sum,
    input  wire signed [      A_BITS-1:0] a,
    input  wire signed [PRODUCT_BITS-1:0] b,
    output reg                            out_valid,
    output reg signed  [    OUT_BITS-1:0] out
);
  generate
    if (SUM_BITS < 2 || A_BITS < 2 || OUT_BITS < 2) begin : illegal_bits
      SUM_BITS_A_BITS_and_OUT_BITS_must_be_2_or_more error ();
    end
    if (SHIFT < 1 || SHIFT >= PRODUCT_BITS || PRODUCT_BITS + 1 - SHIFT < OUT_BITS) begin : illegal_shift
      SHIFT_must_leave_OUT_BITS_of_the_product error ();
    end
  endgenerate

  localparam TOTAL_BITS = PRODUCT_BITS + 2;  // product + b + half a step
  localparam WHOLE_BITS = TOTAL_BITS - SHIFT;
  localparam signed [TOTAL_BITS-1:0] HALF = 1 << (SHIFT - 1);

  reg product_valid;
  reg signed [PRODUCT_BITS-1:0] product;
  wire signed [TOTAL_BITS-1:0] total = product + b + HALF;
  wire signed [WHOLE_BITS-1:0] whole = total[TOTAL_BITS-1:SHIFT];
  // All bits above the output's are its sign, or it does not fit.
  wire fits = (&whole[WHOLE_BITS-1:OUT_BITS-1]) | (~|whole[WHOLE_BITS-1:OUT_BITS-1]);

  always @(posedge clk or posedge reset)
    if (reset) begin
      product_valid <= 1'b0;
      out_valid <= 1'b0;
    end else begin
      product_valid <= in_valid;
      out_valid <= product_valid;
    end
  always @(posedge clk) begin
    if (in_valid) product <= sum * a;
    if (product_valid)
      out <= fits ? whole[OUT_BITS-1:0] : {whole[WHOLE_BITS-1], {OUT_BITS - 1{~whole[WHOLE_BITS-1]}}};
  end
endmodule
