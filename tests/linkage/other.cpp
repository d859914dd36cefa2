#include "every_header.hpp"

const void* alignment_seen_elsewhere();
void* thread_count_seen_elsewhere();

const void* alignment_seen_elsewhere() { return &fusiform::storage_alignment; }
void* thread_count_seen_elsewhere() { return reinterpret_cast<void*>(&fusiform::thread_count); }
