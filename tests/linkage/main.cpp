#include <cstdio>

#include "every_header.hpp"

const void* alignment_seen_elsewhere();
void* thread_count_seen_elsewhere();

/// Both translation units must see one object and one function, not a copy each.
int main() {
  const bool same = alignment_seen_elsewhere() == &fusiform::storage_alignment &&
                    thread_count_seen_elsewhere() == reinterpret_cast<void*>(&fusiform::thread_count);
  if (!same) std::puts("the translation units have copies of their own");
  return same ? 0 : 1;
}
