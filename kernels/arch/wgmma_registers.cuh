#pragma once
/// Operand lists of the wgmma instructions: accumulator names for the text, accumulator elements for the operands.
/// Inline assembly has no loops, so these macros put the lists together. Included by wgmma.cuh, which undefines them.

// clang-format off
#define FUSIFORM_WGMMA_NAMES_0_31 \
  "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15," \
  "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define FUSIFORM_WGMMA_NAMES_32_63 \
  "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47," \
  "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define FUSIFORM_WGMMA_NAMES_64_95 \
  "%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79," \
  "%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95"
#define FUSIFORM_WGMMA_NAMES_96_127 \
  "%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111," \
  "%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127"
#define FUSIFORM_WGMMA_8(d, i) \
  "+f"((d)[(i) + 0]), "+f"((d)[(i) + 1]), "+f"((d)[(i) + 2]), "+f"((d)[(i) + 3]), "+f"((d)[(i) + 4]), "+f"((d)[(i) + 5]), "+f"((d)[(i) + 6]), "+f"((d)[(i) + 7])
#define FUSIFORM_WGMMA_32(d, i) \
  FUSIFORM_WGMMA_8(d, i), FUSIFORM_WGMMA_8(d, (i) + 8), FUSIFORM_WGMMA_8(d, (i) + 16), FUSIFORM_WGMMA_8(d, (i) + 24)

#define FUSIFORM_WGMMA_M64N64K16(d, a, b, accumulate, a_order, b_order) \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\n" \
               "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" \
               FUSIFORM_WGMMA_NAMES_0_31 \
               "}, %32, %33, p, 1, 1, %35, %36;\n}" \
               : FUSIFORM_WGMMA_32(d, 0) \
               : "l"(a), "l"(b), "r"(int(accumulate)), "n"(a_order), "n"(b_order))
#define FUSIFORM_WGMMA_M64N128K16(d, a, b, accumulate, a_order, b_order) \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n" \
               "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" \
               FUSIFORM_WGMMA_NAMES_0_31 "," FUSIFORM_WGMMA_NAMES_32_63 \
               "}, %64, %65, p, 1, 1, %67, %68;\n}" \
               : FUSIFORM_WGMMA_32(d, 0), FUSIFORM_WGMMA_32(d, 32) \
               : "l"(a), "l"(b), "r"(int(accumulate)), "n"(a_order), "n"(b_order))
#define FUSIFORM_WGMMA_M64N192K16(d, a, b, accumulate, a_order, b_order) \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %98, 0;\n" \
               "wgmma.mma_async.sync.aligned.m64n192k16.f32.bf16.bf16 {" \
               FUSIFORM_WGMMA_NAMES_0_31 "," FUSIFORM_WGMMA_NAMES_32_63 "," FUSIFORM_WGMMA_NAMES_64_95 \
               "}, %96, %97, p, 1, 1, %99, %100;\n}" \
               : FUSIFORM_WGMMA_32(d, 0), FUSIFORM_WGMMA_32(d, 32), FUSIFORM_WGMMA_32(d, 64) \
               : "l"(a), "l"(b), "r"(int(accumulate)), "n"(a_order), "n"(b_order))
#define FUSIFORM_WGMMA_M64N256K16(d, a, b, accumulate, a_order, b_order) \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %130, 0;\n" \
               "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {" \
               FUSIFORM_WGMMA_NAMES_0_31 "," FUSIFORM_WGMMA_NAMES_32_63 "," FUSIFORM_WGMMA_NAMES_64_95 "," FUSIFORM_WGMMA_NAMES_96_127 \
               "}, %128, %129, p, 1, 1, %131, %132;\n}" \
               : FUSIFORM_WGMMA_32(d, 0), FUSIFORM_WGMMA_32(d, 32), FUSIFORM_WGMMA_32(d, 64), FUSIFORM_WGMMA_32(d, 96) \
               : "l"(a), "l"(b), "r"(int(accumulate)), "n"(a_order), "n"(b_order))
// clang-format on
