# The module that unit.sql calls; see Makefile.

MODULE_big = pinterest_unit
HTTP = $(patsubst ../../src/net/%.c,%.o,$(sort $(wildcard ../../src/net/http_*.c)))
OBJS = pinterest_unit.o url.o date.o address.o $(HTTP) sigv4.o sigv4_canonical.o msk_iam.o xml.o cbor.o clean_text.o \
	error.o error_rules.o error_report.o bucket_listing.o aftermath.o

vpath %.c ../../src/net ../../src/aws ../../src/source ../../src/source/s3

PKG_CONFIG ?= pkg-config
PG_CPPFLAGS = -I$(CURDIR)/../../src $(shell $(PKG_CONFIG) --cflags libcurl)
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers
SHLIB_LINK = $(shell $(PKG_CONFIG) --libs libcurl)
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
