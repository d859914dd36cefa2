#pragma once
/// The figures of a study's report, drawn from its summary: one header per subject.

#include <fusiform/study/report/attribution.hpp>
#include <fusiform/study/report/classes.hpp>
#include <fusiform/study/report/controls.hpp>
#include <fusiform/study/report/decoding.hpp>
#include <fusiform/study/report/emergence.hpp>
#include <fusiform/study/report/indices.hpp>
#include <fusiform/study/report/lesions.hpp>
#include <fusiform/study/report/nets.hpp>
#include <fusiform/study/report/pairs.hpp>
#include <fusiform/study/report/similarity.hpp>
#include <fusiform/study/report/training.hpp>
#include <fusiform/study/report/units.hpp>
