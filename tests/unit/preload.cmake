# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
find_package(PkgConfig REQUIRED)
pkg_check_modules(IBVERBS REQUIRED IMPORTED_TARGET libibverbs)

foreach(name preload_chain preload_chain_next preload_other)
	add_library(${name} SHARED ${name}.c)
	set_target_properties(${name} PROPERTIES C_VISIBILITY_PRESET default)
endforeach()
target_link_libraries(preload_chain PRIVATE ${CMAKE_DL_LIBS})
target_link_options(preload_chain_next PRIVATE
	-Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/preload_chain.map)

# Linked to libibverbs, and with a dlopen() of it in front.
add_executable(preload_calls preload_calls.c)
target_link_libraries(preload_calls PRIVATE PkgConfig::IBVERBS)
add_executable(preload_calls_dlopen preload_calls.c
	${PROJECT_SOURCE_DIR}/tests/guest/dlopen/verbs.c)
target_include_directories(preload_calls_dlopen PRIVATE ${IBVERBS_INCLUDE_DIRS})
foreach(name preload_calls preload_calls_dlopen)
	target_include_directories(${name} PRIVATE fake_verbs)
	# libpeermr is to call the double in it.
	set_target_properties(${name} PROPERTIES C_VISIBILITY_PRESET default)
	# In this order: the one in front looks for the next.
	target_link_libraries(${name} PRIVATE -Wl,--no-as-needed preload_chain
		preload_chain_next libpeermr Threads::Threads ${CMAKE_DL_LIBS})
endforeach()

peermr_script_test(preload $<TARGET_FILE:peermr_preload>
	$<TARGET_FILE_DIR:libpeermr> $<TARGET_FILE_DIR:preload_calls>
	${PEERMR_FAKE_VERBS})

# What it costs, with the fake device; no test: see tests/bench/run.
add_executable(bench_front_end ${PROJECT_SOURCE_DIR}/tests/guest/bench_front_end.c)
target_include_directories(bench_front_end PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(bench_front_end PRIVATE PkgConfig::IBVERBS
	${CMAKE_DL_LIBS})
