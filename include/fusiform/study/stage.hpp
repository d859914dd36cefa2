#pragma once

namespace fusiform {

/// How far a study goes.
enum class StudyStage { pack, train, decode, rank, lesion, report };

}  // namespace fusiform
