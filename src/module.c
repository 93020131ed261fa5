/*-------------------------------------------------------------------------
 *
 * module.c
 *	  Loading the library: settings, and the launcher of streams.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "aws/client.h"
#include "fmgr.h"
#include "pg_compat.h"
#include "record.h"
#include "source/kinesis/kinesis.h"
#include "source/s3/s3.h"
#include "stream/launcher.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

static void
define_reading_settings(void)
{
	DefineCustomIntVariable("pinterest.max_record_size",
							"Sets the maximum size of a JSON record; larger ones are bad records.",
							NULL,
							&pinterest_max_record_size,
							pinterest_max_record_size, 1, 512 * 1024,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("pinterest.part_size",
							"Sets the size of the parts in which parallel scans read large objects of lines.",
							NULL,
							&pinterest_part_size,
							pinterest_part_size, 1, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
}

/* Of requests to S3, Kinesis and the like. */
static void
define_request_settings(void)
{
	DefineCustomIntVariable("pinterest.request_timeout",
							"Sets how long a service may stay silent before a request is given up.",
							NULL,
							&pinterest_request_timeout,
							pinterest_request_timeout, 100, 3600 * 1000,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("pinterest.min_transfer_rate",
							"Sets the minimum transfer rate per second of an answer, averaged over pinterest.request_timeout.",
							"Zero turns this off: a service may then be as slow as it likes, but not silent.",
							&pinterest_min_transfer_rate,
							pinterest_min_transfer_rate, 0, 1024 * 1024,
							PGC_USERSET, GUC_UNIT_BYTE, NULL, NULL, NULL);
	DefineCustomIntVariable("pinterest.max_retries",
							"Sets the maximum number of times that a failed request is sent again.",
							NULL,
							&pinterest_max_retries,
							pinterest_max_retries, 0, 100,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("pinterest.s3_connections",
							"Sets the maximum number of requests to S3 that a backend has in flight.",
							NULL,
							&pinterest_s3_connections,
							pinterest_s3_connections, 1, 512,
							PGC_USERSET, 0, NULL, NULL, NULL);
}

static void
define_kinesis_settings(void)
{
	DefineCustomIntVariable("pinterest.kinesis_connections",
							"Sets the maximum number of requests to Kinesis that a scan has in flight.",
							NULL,
							&pinterest_kinesis_connections,
							pinterest_kinesis_connections, 1, 512,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("pinterest.kinesis_pacing",
							 "Keeps to the limits of Kinesis shards: 5 requests and 2 MB per second for each.",
							 NULL,
							 &pinterest_kinesis_pacing,
							 pinterest_kinesis_pacing,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("pinterest.shard_timeout",
							"Sets how long a Kinesis shard may return no records and come no nearer to its end.",
							NULL,
							&pinterest_shard_timeout,
							pinterest_shard_timeout, 100, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
}

static void
define_stream_settings(void)
{
	DefineCustomIntVariable("pinterest.launcher_naptime",
							"Sets the time between looks for streams whose background worker is missing.",
							"It has an effect only with pinterest_pipeline in shared_preload_libraries.",
							&pinterest_launcher_naptime,
							pinterest_launcher_naptime, 1, INT_MAX / 1000,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
}

void
_PG_init(void)
{
	define_reading_settings();
	define_request_settings();
	define_kinesis_settings();
	define_stream_settings();
	MarkGUCPrefixReserved("pinterest");
	launcher_register();
}
