#pragma once
/// The version of the library. The build reads it from here.

#define FUSIFORM_VERSION_MAJOR 0
#define FUSIFORM_VERSION_MINOR 1
#define FUSIFORM_VERSION_PATCH 0

#define FUSIFORM_STRING_OF(x) #x
#define FUSIFORM_VERSION_STRING(major, minor, patch) \
  FUSIFORM_STRING_OF(major) "." FUSIFORM_STRING_OF(minor) "." FUSIFORM_STRING_OF(patch)

namespace fusiform {

/// "major.minor.patch", after Semantic Versioning.
inline constexpr const char* version =
    FUSIFORM_VERSION_STRING(FUSIFORM_VERSION_MAJOR, FUSIFORM_VERSION_MINOR, FUSIFORM_VERSION_PATCH);

}  // namespace fusiform

#undef FUSIFORM_VERSION_STRING
#undef FUSIFORM_STRING_OF
