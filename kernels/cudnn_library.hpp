#pragma once
/// cuDNN's backend API, loaded while the program runs: fusiform neither links nor needs it. To compile this, its
/// headers are needed.

#include <cstdint>
#include <cstdlib>
#include <cudnn.h>
#include <dlfcn.h>
#include <initializer_list>
#include <vector>

#include <fusiform/core/error.hpp>

#include "process_device.hpp"

namespace fusiform::cudnn {

/// The functions used, under their own names.
class CudnnLibrary {
 public:
  /// Opens $FUSIFORM_CUDNN, or libcudnn.so.9 where the loader finds it. Throws ConfigError that says where it looked.
  CudnnLibrary() {
    const char* path = std::getenv("FUSIFORM_CUDNN");
    library_ = dlopen(path != nullptr ? path : "libcudnn.so.9", RTLD_NOW | RTLD_GLOBAL);
    if (library_ == nullptr)
      throw ConfigError(text("cuDNN: expected ",
                             path != nullptr ? text("the library that FUSIFORM_CUDNN names, ", path)
                                             : "libcudnn.so.9 in LD_LIBRARY_PATH or a system folder, or its path in "
                                               "FUSIFORM_CUDNN",
                             ", got: ", dlerror()));
    find(create_handle, "cudnnCreate");
    find(set_stream, "cudnnSetStream");
    find(version, "cudnnGetVersion");
    find(error_text, "cudnnGetErrorString");
    find(create, "cudnnBackendCreateDescriptor");
    find(destroy, "cudnnBackendDestroyDescriptor");
    find(finalize, "cudnnBackendFinalize");
    find(set, "cudnnBackendSetAttribute");
    find(get, "cudnnBackendGetAttribute");
    find(execute, "cudnnBackendExecute");
    kernels::enter_process_device();  // to which the handle belongs
    check(create_handle(&handle), "cudnnCreate");
  }

  /// Throws ConfigError "cuDNN: <what>: <what cuDNN says>" unless `status` is CUDNN_STATUS_SUCCESS.
  void check(cudnnStatus_t status, const char* what) const {
    if (status != CUDNN_STATUS_SUCCESS) throw ConfigError(text("cuDNN: ", what, ": ", error_text(status)));
  }

  decltype(&cudnnCreate) create_handle = nullptr;
  decltype(&cudnnSetStream) set_stream = nullptr;
  decltype(&cudnnGetVersion) version = nullptr;
  decltype(&cudnnGetErrorString) error_text = nullptr;
  decltype(&cudnnBackendCreateDescriptor) create = nullptr;
  decltype(&cudnnBackendDestroyDescriptor) destroy = nullptr;
  decltype(&cudnnBackendFinalize) finalize = nullptr;
  decltype(&cudnnBackendSetAttribute) set = nullptr;
  decltype(&cudnnBackendGetAttribute) get = nullptr;
  decltype(&cudnnBackendExecute) execute = nullptr;
  cudnnHandle_t handle = nullptr;

 private:
  template <class Function>
  void find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(dlsym(library_, name));
    if (function == nullptr) throw ConfigError(text("cuDNN: expected version 9, got a library without ", name));
  }
  void* library_ = nullptr;
};

/// One descriptor of the backend API.
class CudnnDescriptor {
 public:
  CudnnDescriptor(const CudnnLibrary& library, cudnnBackendDescriptorType_t type) : library_(&library) {
    library.check(library.create(type, &descriptor_), "cudnnBackendCreateDescriptor");
  }
  CudnnDescriptor(CudnnDescriptor&& other) noexcept : library_(other.library_), descriptor_(other.descriptor_) {
    other.descriptor_ = nullptr;
  }
  CudnnDescriptor(const CudnnDescriptor&) = delete;
  CudnnDescriptor& operator=(const CudnnDescriptor&) = delete;
  CudnnDescriptor& operator=(CudnnDescriptor&&) = delete;
  ~CudnnDescriptor() {
    if (descriptor_ != nullptr) library_->destroy(descriptor_);
  }

  CudnnDescriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                       const void* values) {
    library_->check(library_->set(descriptor_, name, type, count, values), "cudnnBackendSetAttribute");
    return *this;
  }
  template <class T>
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const T& value) {
    return set(name, type, 1, &value);
  }
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, const CudnnDescriptor& other) {
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &other.descriptor_);
  }
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, const std::vector<std::int64_t>& values) {
    return set(name, CUDNN_TYPE_INT64, std::int64_t(values.size()), values.data());
  }
  CudnnDescriptor& finalize() {
    library_->check(library_->finalize(descriptor_), "cudnnBackendFinalize");
    return *this;
  }
  [[nodiscard]] cudnnBackendDescriptor_t raw() const { return descriptor_; }

 private:
  const CudnnLibrary* library_;
  cudnnBackendDescriptor_t descriptor_ = nullptr;
};

}  // namespace fusiform::cudnn
