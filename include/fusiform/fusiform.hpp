#pragma once
/// The whole library except what needs other libraries (image files, reports, studies).

#include <fusiform/core/device.hpp>
#include <fusiform/core/error.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/core/scalar.hpp>
#include <fusiform/core/shape.hpp>
#include <fusiform/core/storage.hpp>
#include <fusiform/core/tensor.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/layers/layer.hpp>
#include <fusiform/layers/parameter.hpp>
#include <fusiform/version.hpp>
