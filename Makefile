EXTENSION = pinterest_pipeline

MODULE_big = $(EXTENSION)
DATA = $(sort $(wildcard $(EXTENSION)--*.sql))
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c src/*/*/*.c)))

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --load-extension=$(EXTENSION)

PKG_CONFIG ?= pkg-config
PACKAGES = libcurl jansson rdkafka zlib libzstd

PG_CPPFLAGS = -Isrc $(shell $(PKG_CONFIG) --cflags $(PACKAGES))

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
SHLIB_LINK = -Wl,--version-script=src/exports.map

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
$(shlib): src/exports.map
else
all install installcheck:
	@echo "no server headers for PG_CONFIG=$(PG_CONFIG): scripts/install-deps build installs what is missing" >&2; exit 1
clean:
	rm -f $(MODULE_big).so $(OBJS) $(EXTRA_CLEAN)
endif

.DEFAULT_GOAL = all
.PHONY: demo demo-stop test test-long test-releases fuzz bench lint

# These install what is missing by themselves, so they do not depend on "all".
# MAKEOVERRIDES: "make demo DATA=folder" must not reach the make that installs.
MAKEOVERRIDES =

demo:
	@PG_CONFIG='$(PG_CONFIG)' USER_ID='$(USER_ID)' scripts/demo \
		$(if $(findstring command line,$(origin DATA)),'$(DATA)')
demo-stop:
	@scripts/demo stop
test:
	@PG_CONFIG='$(PG_CONFIG)' scripts/test
# The comparison with PostgreSQL's own JSON functions, other cases each time
test-long:
	@PG_CONFIG='$(PG_CONFIG)' TESTS=test/010_json_oracle.pl PINTEREST_CASES=100000 \
		PINTEREST_SEED=$${PINTEREST_SEED:-$$(date +%s)} scripts/test
# The regression tests on PostgreSQL 14, 16, 17 and 18
test-releases:
	@scripts/test-releases
fuzz:
	@PG_CONFIG='$(PG_CONFIG)' test/fuzz/run
bench:
	@PG_CONFIG='$(PG_CONFIG)' bench/run
lint:
	@PG_CONFIG='$(PG_CONFIG)' scripts/lint
