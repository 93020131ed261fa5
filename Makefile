EXTENSION = pinterest_pipeline

# The folder of this file, for builds in another: make -f FOLDER/Makefile
here = $(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST))))
files = $(patsubst $(here)/%,%,$(sort $(wildcard $(addprefix $(here)/,$(1)))))

MODULE_big = $(EXTENSION)
DATA := $(call files,$(EXTENSION)--*.sql)
OBJS := $(patsubst %.c,%.o,$(call files,src/*.c src/*/*.c src/*/*/*.c))
ifneq ($(here),.)
$(shell mkdir -p $(sort $(dir $(OBJS))))
endif

REGRESS := $(patsubst sql/%.sql,%,$(call files,sql/*.sql))
REGRESS_OPTS = --load-extension=$(EXTENSION)

PKG_CONFIG ?= pkg-config
PACKAGES = libcurl jansson rdkafka zlib libzstd

PG_CPPFLAGS = -I$(here)/src $(shell $(PKG_CONFIG) --cflags $(PACKAGES))

# The -Wno- are for what the server's own headers and calling conventions do
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers

# What clang says of the flags and headers of a server that gcc built
ifneq ($(findstring clang,$(CC)),)
PG_CFLAGS += -Wno-ignored-attributes -Wno-unknown-warning-option \
	-Wno-ignored-optimization-argument -Wno-unused-command-line-argument
endif

# Dependency files beside the objects, so that changing a header rebuilds; PGXS
# has it switched off, and would mix up files of the same name in two folders
PG_CFLAGS += -MMD -MP
EXTRA_CLEAN = $(OBJS:.o=.d)

# Nothing but the entry points is visible: a symbol of ours must not clash with
# another module's, nor a library's with ours
SHLIB_LINK = -Wl,--version-script=$(here)/src/exports.map

# Only what is used is loaded into every backend
SHLIB_LINK += -Wl,--as-needed $(shell $(PKG_CONFIG) --libs $(PACKAGES))

# No bitcode: it wants the one clang the server was built with, doubles the time
# to build, and foreign scans are not what the JIT inlines
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))

ifneq ($(PGXS),)
include $(PGXS)
-include $(OBJS:.o=.d)
$(shlib): $(here)/src/exports.map
else
all install uninstall installcheck:
	@echo "no server headers for PG_CONFIG=$(PG_CONFIG): scripts/install-deps build installs what is missing" >&2; exit 1
clean:
	rm -f $(MODULE_big).so $(OBJS) $(EXTRA_CLEAN)
endif

.DEFAULT_GOAL = all
.PHONY: help demo demo-stop test test-long test-releases fuzz bench lint

define help
make                      builds the extension, for the PostgreSQL of pg_config
make install              installs it there (sudo); make uninstall removes it
make installcheck         runs the regression tests on a running server that has it installed

These install the packages that are missing, and nothing into the PostgreSQL server:

make demo                 a private server with invented posts, and the ten answers
make demo DATA=folder     the same with your own records, as a Kafka S3 sink has written them
make demo-stop            removes that server
make test                 all tests, on private servers; TESTS="sql test/030_write.pl" runs some
make test-releases        the regression tests on PostgreSQL 14, 16, 17 and 18
make test-long            the JSON scanner compared with PostgreSQL's own, at length
make fuzz                 the JSON scanner under a fuzzer
make bench                the benchmarks
make lint                 compiler warnings, static analysis, formatting

PG_CONFIG=/path/to/pg_config chooses another PostgreSQL. README.md tells more.
endef
export help

help:
	@echo "$$help"

# These install what is missing by themselves, so they do not depend on "all".
# MAKEOVERRIDES: "make demo DATA=folder" must not reach the make that installs.
MAKEOVERRIDES =

demo:
	@PG_CONFIG='$(PG_CONFIG)' USER_ID='$(USER_ID)' $(here)/scripts/demo \
		$(if $(findstring command line,$(origin DATA)),'$(DATA)')
demo-stop:
	@$(here)/scripts/demo stop
test:
	@PG_CONFIG='$(PG_CONFIG)' $(here)/scripts/test
# The comparison with PostgreSQL's own JSON functions, other cases each time
test-long:
	@PG_CONFIG='$(PG_CONFIG)' TESTS=test/010_json_oracle.pl PINTEREST_CASES=100000 \
		PINTEREST_SEED=$${PINTEREST_SEED:-$$(date +%s)} $(here)/scripts/test
# The regression tests on PostgreSQL 14, 16, 17 and 18
test-releases:
	@$(here)/scripts/test-releases
fuzz:
	@PG_CONFIG='$(PG_CONFIG)' $(here)/test/fuzz/run
bench:
	@PG_CONFIG='$(PG_CONFIG)' $(here)/bench/run
lint:
	@PG_CONFIG='$(PG_CONFIG)' $(here)/scripts/lint
