#pragma once

#include "attention/column_form.h"

namespace gaincell::attention {

// column_form() of a circuit that has been checked.
ColumnForm matrix_form(Shape shape, const Circuit& circuit, AnalogOptions options);

}  // namespace gaincell::attention
