#include "cmake/own_study/study.hpp"

#include <fusiform/study/serve.hpp>
#include <fusiform/study/study.hpp>

namespace fusiform::own {

const StudyDevice& cpu_device() { return fusiform::cpu_device(); }
void run_study(StudyContext& study, StudyStage last) { fusiform::run_study(study, last); }
void serve_study(StudyContext& study) { fusiform::serve_study(study); }
void write_report(StudyContext& study, const nlohmann::ordered_json& summary) {
  fusiform::write_report(study, summary);
}

}  // namespace fusiform::own
