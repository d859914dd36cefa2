#pragma once
/// Functions of whole studies that take minutes to compile, declared here and compiled once for all of our programs
/// (cmake/own_build.cmake). Call these instead of those of the same name in fusiform/study/: that is all the headers
/// do.

#include <nlohmann/json_fwd.hpp>

#include <fusiform/study/stage.hpp>

namespace fusiform {

struct StudyContext;
class StudyDevice;

namespace own {

[[nodiscard]] const StudyDevice& cpu_device();

void run_study(StudyContext& study, StudyStage last = StudyStage::report);
void serve_study(StudyContext& study);
void write_report(StudyContext& study, const nlohmann::ordered_json& summary);

}  // namespace own
}  // namespace fusiform
