// Gray code as a binary number.
module gray_decoder #(
    parameter BITS = 5
) (
    input  wire [BITS-1:0] code,
    output wire [BITS-1:0] number
);
  genvar bit_index;
  generate
    for (bit_index = 0; bit_index < BITS; bit_index = bit_index + 1) begin : bits
      assign number[bit_index] = ^(code >> bit_index);
    end
  endgenerate
endmodule
