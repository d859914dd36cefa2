#include "cmake/own_study/records.hpp"

namespace fusiform::own {

AuthorRecords read_author_records(const std::string& folder, const AuthorRecordsOptions& options) {
  return fusiform::read_author_records(folder, options);
}

void write_author_records(const std::string& folder, const AuthorRecords& records) {
  fusiform::write_author_records(folder, records);
}

RecordedSegregation recorded_segregation(const AuthorRecords& records, Index layer, double fraction, const Rng& rng,
                                         const BootstrapOptions& options) {
  return fusiform::recorded_segregation(records, layer, fraction, rng, options);
}

}  // namespace fusiform::own
