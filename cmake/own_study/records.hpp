#pragma once
/// The published scripts' record files, read, written and computed with; see study.hpp.

#include <string>

#include <fusiform/study/author_statistics.hpp>
#include <fusiform/study/read_author_records.hpp>
#include <fusiform/study/write_author_records.hpp>

namespace fusiform::own {

[[nodiscard]] AuthorRecords read_author_records(const std::string& folder, const AuthorRecordsOptions& options = {});
void write_author_records(const std::string& folder, const AuthorRecords& records);
[[nodiscard]] RecordedSegregation recorded_segregation(const AuthorRecords& records, Index layer, double fraction,
                                                       const Rng& rng, const BootstrapOptions& options = {});

}  // namespace fusiform::own
