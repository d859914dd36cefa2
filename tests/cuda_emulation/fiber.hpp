#pragma once
/// Fibers: stacks between which one OS thread switches by hand. About 20 ns a switch on x86-64, where seven lines of
/// assembly do it; elsewhere through ucontext, which asks the kernel each time and is twelve times slower.

#include <cstddef>
#include <new>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>
#if !defined(__x86_64__) || defined(FUSIFORM_FIBERS_UCONTEXT)
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace fusiform::cuda_emulation {

/// Memory for one stack, with a page below it that must not be touched.
class Stack {
 public:
  explicit Stack(std::size_t bytes)
      : page_(std::size_t(sysconf(_SC_PAGESIZE))), bytes_((bytes + page_ - 1) / page_ * page_) {
    void* memory =
        mmap(nullptr, bytes_ + page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    guard_ = static_cast<std::byte*>(memory);
    mprotect(guard_, page_, PROT_NONE);
  }
  ~Stack() {
    if (guard_ != nullptr) munmap(guard_, bytes_ + page_);
  }
  Stack(Stack&& other) noexcept
      : page_(other.page_), bytes_(other.bytes_), guard_(std::exchange(other.guard_, nullptr)) {}
  Stack& operator=(Stack&&) = delete;
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  [[nodiscard]] std::byte* bottom() const { return guard_ + page_; }
  [[nodiscard]] std::byte* top() const { return bottom() + bytes_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::size_t page_, bytes_;
  std::byte* guard_ = nullptr;
};

/// A place to go on from. A default-made one is filled when its own code first switches away.
struct Fiber {
#if defined(__x86_64__) && !defined(FUSIFORM_FIBERS_UCONTEXT)
  void* stack_pointer = nullptr;
#else
  ucontext_t context{};
#endif
  // The sanitizers follow the switches through these.
  const void* stack_bottom = nullptr;
  std::size_t stack_bytes = 0;
  void* shadow = nullptr;
};

#if defined(__x86_64__) && !defined(FUSIFORM_FIBERS_UCONTEXT)
[[gnu::naked, gnu::noinline]] inline void swap_stacks(void** /*save*/, void* /*load*/) {
  asm volatile(
      "pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
      "movq %rsp,(%rdi)\n movq %rsi,%rsp\n"
      "popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n ret");
}
#endif

/// Makes `fiber` begin at `entry`, which must not return.
inline void prepare_fiber(Fiber& fiber, const Stack& stack, void (*entry)()) {
  fiber.stack_bottom = stack.bottom();
  fiber.stack_bytes = stack.bytes();
#if defined(__SANITIZE_ADDRESS__)
  // The functions that a fiber was in when it was left for good have marked their places in the stack.
  __asan_unpoison_memory_region(stack.bottom(), stack.bytes());
#endif
#if defined(__SANITIZE_THREAD__)
  if (fiber.shadow == nullptr) fiber.shadow = __tsan_create_fiber(0);
#else
  fiber.shadow = nullptr;
#endif
#if defined(__x86_64__) && !defined(FUSIFORM_FIBERS_UCONTEXT)
  auto** top = reinterpret_cast<void**>(stack.top());
  *--top = nullptr;  // where `entry` would return to; also keeps the stack 16-byte aligned at its first instruction
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  fiber.stack_pointer = top;
#else
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = stack.bottom();
  fiber.context.uc_stack.ss_size = stack.bytes();
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, entry, 0);
#endif
}

/// Goes on at `to`; returns when something switches back to `from`. `ends`: nothing ever will.
inline void switch_fiber(Fiber& from, Fiber& to, [[maybe_unused]] bool ends = false) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(ends ? nullptr : &from.shadow, to.stack_bottom, to.stack_bytes);
#elif defined(__SANITIZE_THREAD__)
  if (from.shadow == nullptr) from.shadow = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(to.shadow, 0);
#endif
#if defined(__x86_64__) && !defined(FUSIFORM_FIBERS_UCONTEXT)
  swap_stacks(&from.stack_pointer, to.stack_pointer);
#else
  swapcontext(&from.context, &to.context);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(from.shadow, nullptr, nullptr);
#endif
}

/// To be called first in a fiber's entry; `starter` is the fiber that switched to it.
inline void enter_fiber([[maybe_unused]] Fiber& starter) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &starter.stack_bottom, &starter.stack_bytes);
#endif
}

}  // namespace fusiform::cuda_emulation
