/*-------------------------------------------------------------------------
 *
 * frame.c
 *	  libFuzzer target "json": the records of any bytes.
 *
 * The first bytes of an input choose the format, the size limit and how the
 * rest is cut into pieces.  The records are found three times: from one large
 * buffer, with a tiny buffer and odd pieces, and with the portable scanner.
 * All three must agree, and what they say must make sense.  Bytes that are one
 * good record as a message are just that as a body.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json/frame.h"
#include "json/path.h"
#include "nodes/pg_list.h"

#undef fprintf					/* the server has its own, which is not here */

#define DECLARE_VARIANT(v) \
	extern List *v##json_path_tokens(const char *field); \
	extern JsonNode *v##json_path_tree(List *paths, int *slots, int *nslots); \
	extern struct JsonFrame *v##json_frame_create(JsonNode *root, int nslots, FrameFormat format, Size max_record); \
	extern void v##json_frame_begin(struct JsonFrame *frame, JsonInput input, void *arg); \
	extern const JsonRecord *v##json_frame_next(struct JsonFrame *frame); \
	extern struct JsonDocument *v##json_document_create(JsonNode *root, int nslots, Size max_record); \
	extern const JsonRecord *v##json_document_read(struct JsonDocument *document, const char *data, \
												size_t len, char *spare)

DECLARE_VARIANT(large_);
DECLARE_VARIANT(small_);
DECLARE_VARIANT(portable_);

#define HEADER 3				/* bytes before the body */
#define NFORMATS 3
#define NLIMITS 2
#define BIG_LIMIT (1024 * 1024)
#define SMALL_LIMIT 100

static const char *const fields[] = {
	"a", "b", "ab", "index", "/a", "/a/b", "/a/0", "/a/b/c", "/x", "/x/1/y", "", "/", "/~0~1",
	"\xC3\xA9", "description", "follower_count", "unique_id"
};

/* One of the three ways */
typedef struct Variant
{
	List	   *(*tokens) (const char *);
	JsonNode   *(*tree) (List *, int *, int *);
	struct JsonFrame *(*create) (JsonNode *, int, FrameFormat, Size);
	void		(*begin) (struct JsonFrame *, JsonInput, void *);
	const JsonRecord *(*next) (struct JsonFrame *);
	struct JsonDocument *(*create_document) (JsonNode *, int, Size);
	const JsonRecord *(*read) (struct JsonDocument *, const char *, size_t, char *);
	int			nslots;
	struct JsonFrame *frames[NFORMATS][NLIMITS];
	struct JsonDocument *document;
} Variant;

#define VARIANT(v) \
	{v##json_path_tokens, v##json_path_tree, v##json_frame_create, \
	 v##json_frame_begin, v##json_frame_next, v##json_document_create, \
	 v##json_document_read}

static Variant variants[] = {VARIANT(large_), VARIANT(small_), VARIANT(portable_)};

/* The body, and how it is cut */
typedef struct Body
{
	const uint8 *data;
	size_t		len;
	size_t		at;
	uint32		state;			/* of the pieces' lengths; 0: all at once */
} Body;

static size_t
read_piece(void *arg, char *buf, size_t room)
{
	Body	   *body = arg;
	size_t		n = Min(room, body->len - body->at);

	if (body->state != 0)
	{
		body->state = body->state * 1103515245 + 12345;
		n = Min(n, 1 + (body->state >> 16) % 40);
	}
	memcpy(buf, body->data + body->at, n);
	body->at += n;
	return n;
}

static void
setup(void)
{
	for (int v = 0; v < lengthof(variants); v++)
	{
		Variant    *variant = &variants[v];

		for (int format = 0; format < NFORMATS; format++)
			for (int limit = 0; limit < NLIMITS; limit++)
			{
				List	   *paths = NIL;
				int			slots[lengthof(fields)];
				JsonNode   *root;

				for (int i = 0; i < lengthof(fields); i++)
					paths = lappend(paths, variant->tokens(fields[i]));
				root = variant->tree(paths, slots, &variant->nslots);
				variant->frames[format][limit] =
					variant->create(root, variant->nslots, format,
									limit == 0 ? BIG_LIMIT : SMALL_LIMIT);
				variant->document = variant->create_document(root, variant->nslots, BIG_LIMIT);
			}
	}
}

#define check(truth) \
	do { \
		if (!(truth)) \
		{ \
			fprintf(stderr, "line %d: not so: %s\n", __LINE__, #truth); \
			abort(); \
		} \
	} while (0)

/* What is true of every record */
static void
check_record(const JsonRecord *record, const Body *body, int64 *end, int64 limit, int nslots)
{
	int64		line = 1;

	check(record->offset >= *end && record->offset + record->len <= body->len);
	check(memcmp(record->data, body->data + record->offset, record->len) == 0);
	check(record->error_at <= record->len);
	*end = record->offset + record->len;
	for (int64 i = 0; i < record->offset; i++)
		line += body->data[i] == '\n';
	check(record->line == line);
	if (record->error != JSON_ERROR_NONE)
	{
		check(record->len > 0 || record->error == JSON_ERROR_UNCLOSED_ARRAY ||
			  record->error == JSON_ERROR_SEPARATOR);
		return;
	}
	check(record->len <= limit);
	check(record->data[0] == '{' || record->data[0] == '"');
	for (int i = 0; i < nslots; i++)
	{
		const JsonValue *value = &record->values[i];

		if (value->kind == JSON_STRING)
			check(value->data[value->len] == '\0' && strlen(value->data) == value->len);
		else if (value->kind >= JSON_NUMBER)
			check(value->len > 0 && (uint8) value->data[value->len - 1] > ' ');
	}
}

static void
compare_records(const JsonRecord *a, const JsonRecord *b, int nslots)
{
	check((a == NULL) == (b == NULL));
	if (a == NULL)
		return;
	check(a->len == b->len && a->line == b->line && a->offset == b->offset);
	check(a->error == b->error && a->error_at == b->error_at);
	if (a->error != JSON_ERROR_NONE)
		return;
	for (int i = 0; i < nslots; i++)
	{
		const JsonValue *x = &a->values[i];
		const JsonValue *y = &b->values[i];

		check(x->kind == y->kind);
		if (x->kind >= JSON_NUMBER)
			check(x->len == y->len && memcmp(x->data, y->data, x->len) == 0);
	}
}

/* A copy of the bytes with quotes behind it, which end no string of theirs. */
static char *
lay_out(const uint8 *data, size_t len)
{
	char	   *place = malloc(len + JSON_PADDING);

	memcpy(place, data, len);
	memset(place + len, '"', JSON_PADDING);
	return place;
}

/* The bytes as a message; one of the variants copies it, and the others read it in place */
static void
check_message(const uint8 *data, size_t len)
{
	const JsonRecord *records[lengthof(variants)];
	Body		body = {data, len};
	struct JsonFrame *frame = variants[0].frames[FRAME_AUTO][0];
	const JsonRecord *record;
	char	   *places[lengthof(variants)];

	for (int v = 0; v < lengthof(variants); v++)
	{
		char	   *place = places[v] = lay_out(data, len);

		records[v] = variants[v].read(variants[v].document, place, len,
									  v == 0 ? NULL : place + len);
		check(records[v]->data == place && records[v]->len == len);
		check(records[v]->error_at <= len);
		check(memcmp(place, data, len) == 0 && place[len] == '"' &&
			  memcmp(place + len, place + len + 1, JSON_PADDING - 1) == 0);
		compare_records(records[0], records[v], variants[0].nslots);
	}
	for (int v = 0; v < lengthof(variants); v++)
		free(places[v]);
	if (records[0]->error != JSON_ERROR_NONE)
		return;
	variants[0].begin(frame, read_piece, &body);
	record = variants[0].next(frame);
	check(record != NULL && record->error == JSON_ERROR_NONE);
	check(variants[0].next(frame) == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	static bool ready = false;
	Body		bodies[lengthof(variants)];
	struct JsonFrame *frames[lengthof(variants)];
	int64		ends[lengthof(variants)] = {0};
	int			limit;
	bool		more = true;

	if (!ready)
		setup();
	ready = true;
	if (size < HEADER)
		return 0;
	limit = (data[0] >> 4) & 1;
	check_message(data + HEADER, size - HEADER);
	for (int v = 0; v < lengthof(variants); v++)
	{
		bodies[v].data = data + HEADER;
		bodies[v].len = size - HEADER;
		bodies[v].at = 0;
		bodies[v].state = v == 0 ? 0 : data[1] * 256 + data[2];
		frames[v] = variants[v].frames[(data[0] & 15) % NFORMATS][limit];
		variants[v].begin(frames[v], read_piece, &bodies[v]);
	}

	while (more)
	{
		const JsonRecord *records[lengthof(variants)];

		more = false;
		for (int v = 0; v < lengthof(variants); v++)
		{
			records[v] = variants[v].next(frames[v]);
			if (records[v] == NULL)
				continue;
			more = true;
			check_record(records[v], &bodies[v], &ends[v],
						 limit == 0 ? BIG_LIMIT : SMALL_LIMIT, variants[v].nslots);
		}

		/* how much of a record that is too large is shown depends on the pieces */
		for (int v = 1; v < lengthof(variants) && limit == 0; v++)
			compare_records(records[0], records[v], variants[0].nslots);
	}
	return 0;
}
