#pragma once

namespace fusiform {

/// How far a study goes.
enum class StudyStage { pack, train, rank, lesion, report };

}  // namespace fusiform
