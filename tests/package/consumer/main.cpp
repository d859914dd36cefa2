#include <iostream>

#include <fusiform/fusiform.hpp>

fusiform::Shape shape_from_elsewhere();

int main() {
  const fusiform::Tensor<float, fusiform::Cpu> x(shape_from_elsewhere());
  std::cout << "fusiform " << fusiform::version << ": " << x.shape() << '\n';
  return x[5] == 0 ? 0 : 1;
}
