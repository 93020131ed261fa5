/*-------------------------------------------------------------------------
 *
 * s3_check.c
 *	  The steps that check a bucket or a folder.
 *
 * A bucket is listed here by one request for one page, rather than through
 * the store: that would go on, page by page, and fetch objects meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <dirent.h>
#include <sys/stat.h>

#include "aws/client.h"
#include "aws/credentials.h"
#include "aws/xml.h"
#include "mb/pg_wchar.h"
#include "source/s3/bucket_address.h"
#include "source/s3/bucket_listing.h"
#include "source/s3/s3.h"
#include "storage/fd.h"

/* A page of 1000 keys of 1024 bytes, every byte encoded, takes about 3.5 MB. */
#define MAX_ANSWER (16 * 1024 * 1024)

typedef struct S3Check
{
	const SourceRequest *request;
	const Location *location;	/* NULL: the server alone */
	bool		empty;			/* nothing matches it */
	S3Access   *access;
	BucketAddress address;
} S3Check;

/*
 * Buckets
 */

/* CheckWork: gets them, from wherever they come. */
static char *
find_credentials(void *arg)
{
	S3Check    *s3 = arg;

	s3_take_credentials(s3->request, s3->access);
	return credentials_origin(s3->access->credentials,
							  credentials_get(credentials_create(s3->access->credentials)));
}

/* Sends one signed request for a whole answer, and waits for it. */
static StringInfo
ask(const S3Check *s3, const char *query, const char *what, const char *subject)
{
	AwsRequest *request = palloc0(sizeof(AwsRequest));
	char	   *root;
	AwsService *service = bucket_service(s3->access, s3->location == NULL ? NULL :
										 s3->location->bucket, 1, &root);
	AwsCall    *call;

	call = aws_call_create(service);
	if (call == NULL)
		aws_out_of_connections();
	request->method = "GET";
	request->path = root;
	request->query = query;
	request->max_body = MAX_ANSWER;
	request->what = what;
	request->subject = subject;
	aws_call_begin(call, request);
	do
		aws_service_pump(service, 100);
	while (aws_call_state(call) == AWS_IN_FLIGHT || aws_call_state(call) == AWS_WAITING);
	aws_call_check(call);
	return aws_call_body(call);
}

/* Scans find it each time anew, with a request that is refused. */
static const char *
where_found(const S3Access *access)
{
	if (access->found_region == NULL)
		return "";
	return psprintf(" The bucket is in region \"%s\": set the region of the server to that.",
					access->found_region);
}

/* CheckWork: the first page of the location. */
static char *
list_location(void *arg)
{
	S3Check    *s3 = arg;
	const Location *location = s3->location;
	const char *pairs[] = {
		"encoding-type", "url",
		"list-type", "2",
		"prefix", location->prefix[0] == '\0' ? NULL :
		pg_server_to_any(location->prefix, strlen(location->prefix), PG_UTF8)
	};
	StringInfoData query;
	StringInfo	answer;
	ListedPage *page;
	int			matching = 0;
	int			i;

	initStringInfo(&query);
	sigv4_query(&query, pairs, lengthof(pairs) / 2);
	answer = ask(s3, query.data, "list", location->uri);
	page = listing_parse(answer->data, answer->len, location->uri, false, NULL);
	for (i = 0; i < page->nobjects; i++)
		matching += location_matches(location, page->objects[i].key);
	s3->empty = matching == 0 && page->next_token == NULL;
	return psprintf("Of %d objects listed, %d match \"%s\"%s.%s", page->nobjects, matching,
					location->uri, page->next_token == NULL ? "" : "; there are more",
					where_found(s3->access));
}

/* CheckWork: the buckets of the account (S3 API, ListBuckets). */
static char *
list_buckets(void *arg)
{
	S3Check    *s3 = arg;
	StringInfo	answer = ask(s3, "", "list the buckets of", s3->address.host);
	XmlReader	xml;
	XmlEvent	event;
	int			buckets = 0;

	xml_begin(&xml, answer->data, answer->len);
	event = xml_next(&xml);
	if (event == XML_OPEN && !xml_name_is(&xml, "ListAllMyBucketsResult"))
		event = XML_MALFORMED;
	while (event != XML_END && event != XML_MALFORMED)
	{
		buckets += event == XML_OPEN && xml_name_is(&xml, "Bucket");
		event = xml_next(&xml);
	}
	if (event == XML_MALFORMED)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_ERROR),
				 errmsg("the answer is not a list of buckets"),
				 errhint("Check the endpoint and the region of the server, and that nothing stands between this machine and it.")));
	return psprintf("Buckets the keys may see: %d.", buckets);
}

/* Many keys may read one bucket but not list all: that is no fault of theirs. */
static void
check_buckets(Check *check, S3Check *s3)
{
	char	   *detail;
	ErrorData  *error = check_try(check, list_buckets, s3, &detail);

	if (error == NULL)
		check_add(check, "list", CHECK_OK, check->took, detail, NULL);
	else if (error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE)
		check_add(check, "list", CHECK_SKIPPED, check->took,
				  "The keys are known, but may not list all buckets. Give a location to have that listed.", NULL);
	else
		check_add_error(check, "list", error, NULL);
}

static bool
check_bucket(Check *check, bool ready, S3Check *s3)
{
	CheckEndpoint endpoint = {0};
	bool		answered;
	bool		known;

	if (ready)
	{
		s3->access = s3_server_access(s3->request);
		bucket_address(s3->access, s3->location == NULL ? NULL : s3->location->bucket,
					   &s3->address);
		endpoint.host = s3->address.host;
		endpoint.origin = s3->address.origin;
		endpoint.ca_file = s3->access->ca_file;
		endpoint.tls = s3->address.tls;
		endpoint.literal = s3->address.literal;
		endpoint.policy = s3->access->private_addresses ? ADDRESS_PRIVATE : ADDRESS_PUBLIC;
	}
	answered = check_endpoint(check, ready, &endpoint);
	known = check_run(check, "credentials", ready, find_credentials, s3, NULL);
	if (s3->location == NULL && answered && known)
	{
		check_buckets(check, s3);
		return false;
	}
	return check_run(check, "list", answered && known, list_location, s3,
					 "Check the bucket in the location, and the endpoint and region of the server.") &&
		!s3->empty;
}

/*
 * Folders
 */

/* CheckWork: is the location's fixed part there, and may we read it? */
static char *
look_at_folder(void *arg)
{
	S3Check    *s3 = arg;
	const char *path = s3->location->folder_or_object ?
		s3->location->pattern : s3->location->prefix;
	struct stat st;
	DIR		   *directory;

	if (stat(path, &st) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat \"%s\": %m", path)));
	if (S_ISREG(st.st_mode))
		return psprintf("\"%s\" is a file.", path);
	directory = AllocateDir(path);
	(void) ReadDir(directory, path);	/* raises if it cannot be read */
	FreeDir(directory);
	return psprintf("\"%s\" can be read.", path);
}

/* CheckWork: opens the first file that matches. */
static char *
list_folder(void *arg)
{
	S3Check    *s3 = arg;
	Store	   *store = file_store_open(s3->location);
	const StoreObject *object = store->ops->next(store);
	char	   *detail = object == NULL ?
		psprintf("No file matches \"%s\".", s3->location->uri) :
		psprintf("The first of the files that match is \"%s\".", object->key);

	s3->empty = object == NULL;
	store->ops->close(store);
	return detail;
}

static bool
check_folder(Check *check, S3Check *s3)
{
	static const char hint[] =
	"A file:// location names a place on the machine of the database server, whose operating system user must have the right to read it.";
	bool		readable = check_run(check, "folder", true, look_at_folder, s3, hint);

	return check_run(check, "list", readable, list_folder, s3, hint) && !s3->empty;
}

bool
s3_check(Check *check, bool ready, const SourceRequest *request)
{
	S3Check    *s3 = palloc0(sizeof(S3Check));

	s3->request = request;
	if (ready && request->table_options != NIL)
		s3->location = s3_location(request->table_options);
	if (s3->location != NULL && s3->location->scheme == LOCATION_FILE)
		return check_folder(check, s3);
	return check_bucket(check, ready, s3);
}
