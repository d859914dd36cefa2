#pragma once
/// The sub-commands of the program, one file each.

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <fusiform/core/communicator.hpp>

/// Done by the processes of `team` together.
void add_demo_command(CLI::App& program, fusiform::Communicator& team);
void add_study_commands(CLI::App& program, fusiform::Communicator& team);
void add_inspect_command(CLI::App& program, fusiform::Communicator& team);
void add_pack_command(CLI::App& program);
void add_evaluate_command(CLI::App& program);
void add_features_command(CLI::App& program);
void add_records_command(CLI::App& program);
