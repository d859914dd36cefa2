#pragma once
/// The numbers of one step of an optimiser, shared by the checked operations and their kernels.

namespace fusiform {

struct SgdSettings {
  double learning_rate = 0;
  double momentum = 0;
  double weight_decay = 0;
};

struct AdamSettings {
  double step_size = 0;        ///< learning rate / (1 - beta1^t)
  double root_correction = 1;  ///< sqrt(1 - beta2^t)
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
};

}  // namespace fusiform
