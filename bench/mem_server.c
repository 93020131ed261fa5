/*
 * mem_server.c: an S3 bucket in memory, as fast as one thread can serve it.
 *
 *	  mem_server LINES COUNT DELAY_MS [LARGE]
 *
 * Listens on 127.0.0.1, prints the endpoint, and serves until its standard
 * input is closed.  The first COUNT lines of the file LINES (over again where
 * it has fewer) are the objects
 *
 *	  BUCKET/topics/bench/partition=0/bench+0+0000000000.json
 *
 * and so on, for any BUCKET in the path; with LARGE there is also an object
 * large/lines.json, which is the whole file so many times over.  It knows GET of
 * an object, also by Range, HEAD, and ListObjectsV2 in pages (S3 API).  Every answer is held back for
 * DELAY_MS, whatever else is waiting: that stands for the latency of a distant
 * service.  Signatures are not looked at.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "topics/bench/partition=0/"
#define NAME_FORMAT FOLDER "bench+0+%010ld.json"
#define LARGE_KEY "large/lines.json"
#define PAGE_SIZE 1000
#define REQUEST_SIZE 16384
#define MAX_CONNECTIONS 4096

typedef struct Object
{
	const char *data;
	size_t		len;
} Object;

typedef struct Connection
{
	int			fd;
	char		request[REQUEST_SIZE];
	size_t		request_len;
	int			waiting;		/* an answer is being held back */
	int			writing;		/* an answer is on its way out */
	char		head[512];
	char	   *listing;		/* malloc'd body, or NULL */
	struct iovec out[2];
	size_t		large_at;		/* of the large object: what follows out */
	size_t		large_left;
} Connection;

/* Answers held back, in the order they are due: the delay is the same for all. */
typedef struct Held
{
	Connection *connection;
	double		due;
} Held;

static Object *objects;
static long object_count;
static const char *file;		/* what the large object is made of */
static size_t file_len;
static size_t large_len;
static double delay;
static Held held[MAX_CONNECTIONS];
static unsigned held_first,
			held_end;
static int	epoll;
static int	timer;

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* ---------- objects ---------- */

static void
load(const char *path, long count)
{
	int			fd = open(path, O_RDONLY);
	struct stat st;
	long		loaded = 0;

	if (fd < 0 || fstat(fd, &st))
		die(path);
	file_len = st.st_size;
	file = mmap(NULL, file_len, PROT_READ, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED)
		die(path);
	objects = malloc(count * sizeof(Object));
	for (const char *p = file; loaded < count && p < file + file_len;)
	{
		const char *nl = memchr(p, '\n', file + file_len - p);
		const char *next = nl ? nl + 1 : file + file_len;

		objects[loaded].data = p;
		objects[loaded++].len = next - p;
		p = next;
	}
	if (loaded == 0)
		die("no line in the file");
	for (long i = loaded; i < count; i++)
		objects[i] = objects[i % loaded];
	object_count = count;
}

/* ---------- requests ---------- */

static void
decode(char *text)
{
	char	   *out = text;
	unsigned	byte;

	for (; *text; text++)
	{
		if (*text == '%' && sscanf(text + 1, "%2x", &byte) == 1)
		{
			*out++ = (char) byte;
			text += 2;
		}
		else
			*out++ = *text;
	}
	*out = '\0';
}

/* Copies a query parameter's value, decoded; "" where there is none. */
static void
parameter(const char *query, const char *name, char *value, size_t room)
{
	size_t		len = strlen(name);

	*value = '\0';
	while (query)
	{
		if (strncmp(query, name, len) == 0 && query[len] == '=')
		{
			snprintf(value, room, "%.*s", (int) strcspn(query + len + 1, "&"),
					 query + len + 1);
			decode(value);
			return;
		}
		query = strchr(query, '&');
		if (query)
			query++;
	}
}

static void
answer(Connection *c, const char *status, const char *more, const char *body, size_t len)
{
	int			head_len;

	head_len = snprintf(c->head, sizeof(c->head),
						"HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n",
						status, len, more);
	c->out[0].iov_base = c->head;
	c->out[0].iov_len = head_len;
	c->out[1].iov_base = (void *) body;
	c->out[1].iov_len = len;
}

static void
answer_not_found(Connection *c)
{
	static const char body[] = "<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>";

	answer(c, "404 Not Found", "Content-Type: application/xml\r\n", body, sizeof(body) - 1);
}

static void
print_key(FILE *out, const char *key, int encoded)
{
	for (; *key; key++)
	{
		if (encoded && (*key == '+' || *key == '='))
			fprintf(out, "%%%02X", *key);
		else
			putc(*key, out);
	}
}

static void
print_object(FILE *out, const char *key, int encoded, const char *etag, size_t len)
{
	fprintf(out, "<Contents><Key>");
	print_key(out, key, encoded);
	fprintf(out, "</Key><LastModified>2022-10-18T12:00:00.000Z</LastModified>"
			"<ETag>&quot;%s&quot;</ETag><Size>%zu</Size>"
			"<StorageClass>STANDARD</StorageClass></Contents>", etag, len);
}

/* The continuation token is the number of the next object. */
static void
answer_list(Connection *c, const char *query)
{
	char		prefix[1100],
				token[32],
				encoding[8],
				max[16],
				key[64];
	size_t		len;
	FILE	   *out = open_memstream(&c->listing, &len);
	long		page,
				listed = 0,
				i;

	parameter(query, "prefix", prefix, sizeof(prefix));
	parameter(query, "continuation-token", token, sizeof(token));
	parameter(query, "encoding-type", encoding, sizeof(encoding));
	parameter(query, "max-keys", max, sizeof(max));
	page = *max && atol(max) < PAGE_SIZE ? atol(max) : PAGE_SIZE;

	fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			"<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	if (*encoding)
		fprintf(out, "<EncodingType>url</EncodingType>");
	i = atol(token);
	if (i == 0 && large_len > 0 && strncmp(LARGE_KEY, prefix, strlen(prefix)) == 0)
		print_object(out, LARGE_KEY, *encoding, "large", large_len);
	for (; i < object_count && listed < page; i++)
	{
		char		etag[40];

		snprintf(key, sizeof(key), NAME_FORMAT, i);
		if (strncmp(key, prefix, strlen(prefix)) != 0)
			continue;
		listed++;
		snprintf(etag, sizeof(etag), "%032lx", i);
		print_object(out, key, *encoding, etag, objects[i].len);
	}
	fprintf(out, "<KeyCount>%ld</KeyCount><MaxKeys>%ld</MaxKeys>", listed, page);
	if (i < object_count)
		fprintf(out, "<IsTruncated>true</IsTruncated>"
				"<NextContinuationToken>%ld</NextContinuationToken>", i);
	else
		fprintf(out, "<IsTruncated>false</IsTruncated>");
	fprintf(out, "</ListBucketResult>");
	fclose(out);
	answer(c, "200 OK", "Content-Type: application/xml\r\n", c->listing, len);
}

/* Its first piece; write_answer goes on. */
static void
next_of_large(Connection *c)
{
	size_t		from = c->large_at % file_len;
	size_t		len = c->large_left < file_len - from ? c->large_left : file_len - from;

	c->out[1].iov_base = (void *) (file + from);
	c->out[1].iov_len = len;
	c->large_at += len;
	c->large_left -= len;
}

static void
answer_object(Connection *c, const char *key, const char *range)
{
	const char *plus = strrchr(key, '+');
	long		i = plus ? atol(plus + 1) : -1;
	int			large = large_len > 0 && strcmp(key, LARGE_KEY) == 0;
	char		name[64];
	char		more[256];
	size_t		len,
				from = 0,
				to;

	snprintf(name, sizeof(name), NAME_FORMAT, i);
	if (!large && (i < 0 || i >= object_count || strcmp(name, key) != 0))
	{
		answer_not_found(c);
		return;
	}
	len = to = large ? large_len : objects[i].len;
	if (range)
	{
		char	   *end;

		from = strtoul(range, &end, 10);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			to = strtoul(end + 1, NULL, 10) + 1;
		if (to > len)
			to = len;
		if (from >= to)
			from = 0;
	}
	if (large)
		sprintf(more, "ETag: \"large\"\r\n");
	else
		sprintf(more, "ETag: \"%032lx\"\r\n", i);
	strcat(more, "Accept-Ranges: bytes\r\nLast-Modified: Tue, 18 Oct 2022 12:00:00 GMT\r\n");
	if (range)
		sprintf(more + strlen(more), "Content-Range: bytes %zu-%zu/%zu\r\n", from, to - 1, len);
	answer(c, range ? "206 Partial Content" : "200 OK", more,
		   large ? NULL : objects[i].data + from, to - from);
	if (large)
	{
		c->large_at = from;
		c->large_left = to - from;
		next_of_large(c);
	}
}

/* Makes the answer to the request, whose head ends with an empty line. */
static void
handle(Connection *c)
{
	char	   *path = c->request;
	char	   *range = strcasestr(path, "\r\nRange: bytes=");
	char	   *query;
	char	   *key;
	int			head = strncmp(path, "HEAD ", 5) == 0;

	strsep(&path, " ");
	if (!path || *path != '/')
	{
		answer_not_found(c);
		return;
	}
	path[strcspn(path, " ")] = '\0';
	query = strchr(path, '?');
	if (query)
		*query++ = '\0';
	decode(path);
	key = strchr(path + 1, '/');
	if (!key || key[1] == '\0')
		answer_list(c, query);
	else
		answer_object(c, key + 1, range ? range + strlen("\r\nRange: bytes=") : NULL);
	if (head)
		c->out[1].iov_len = c->large_left = 0;
}

/* ---------- connections ---------- */

static void
drop(Connection *c)
{
	/* one whose answer is held back is freed when that is due */
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	if (!c->waiting)
	{
		free(c->listing);
		free(c);
	}
}

static void
watch(Connection *c, unsigned events)
{
	struct epoll_event event = {.events = events,.data.ptr = c};

	epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
}

/* Writes what is left of the answer; false if the connection is gone. */
static int
write_answer(Connection *c)
{
	struct msghdr message = {.msg_iov = c->out,.msg_iovlen = 2};
	ssize_t		sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN)
	{
		drop(c);
		return 0;
	}
	for (int i = 0; i < 2 && sent > 0; i++)
	{
		size_t		part = (size_t) sent < c->out[i].iov_len ? (size_t) sent : c->out[i].iov_len;

		c->out[i].iov_base = (char *) c->out[i].iov_base + part;
		c->out[i].iov_len -= part;
		sent -= part;
	}
	if (c->out[1].iov_len == 0 && c->large_left > 0)
		next_of_large(c);
	if (c->out[0].iov_len + c->out[1].iov_len > 0)
	{
		if (!c->writing)
			watch(c, EPOLLOUT);
		c->writing = 1;
		return 1;
	}
	if (c->writing)
		watch(c, EPOLLIN);
	c->writing = 0;
	free(c->listing);
	c->listing = NULL;
	return 1;
}

static void
set_timer(double due)
{
	struct itimerspec spec = {0};

	spec.it_value.tv_sec = (time_t) due;
	spec.it_value.tv_nsec = (long) ((due - (time_t) due) * 1e9);
	timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void
hold(Connection *c)
{
	double		due = now() + delay;

	c->waiting = 1;
	if (held_first == held_end)
		set_timer(due);
	held[held_end % MAX_CONNECTIONS] = (Held) {c, due};
	held_end++;
}

static void
release_due(void)
{
	double		time = now();

	while (held_first != held_end)
	{
		Held	   *first = &held[held_first % MAX_CONNECTIONS];

		if (first->due > time)
		{
			set_timer(first->due);
			return;
		}
		held_first++;
		first->connection->waiting = 0;
		if (first->connection->fd < 0)
			drop(first->connection);
		else
			write_answer(first->connection);
	}
	set_timer(0);
}

static void
read_request(Connection *c)
{
	ssize_t		got = recv(c->fd, c->request + c->request_len,
						   REQUEST_SIZE - 1 - c->request_len, 0);

	if (got <= 0)
	{
		if (got == 0 || errno != EAGAIN)
			drop(c);
		return;
	}
	c->request_len += got;
	c->request[c->request_len] = '\0';
	/* one request at a time: clients here do not send the next before the answer */
	if (!strstr(c->request, "\r\n\r\n"))
		return;
	handle(c);
	c->request_len = 0;
	if (delay > 0)
		hold(c);
	else
		write_answer(c);
}

static void
accept_all(int listener)
{
	int			fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
	{
		Connection *c = calloc(1, sizeof(Connection));
		struct epoll_event event = {.events = EPOLLIN,.data.ptr = c};
		int			on = 1;

		c->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	}
}

static int
listen_somewhere(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t	len = sizeof(address);
	int			fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *) &address, len) || listen(fd, 1024) ||
		getsockname(fd, (struct sockaddr *) &address, &len))
		die("listen");
	printf("http://127.0.0.1:%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

static void
watch_new(int fd, void *tag)
{
	struct epoll_event event = {.events = EPOLLIN,.data.ptr = tag};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		die("epoll_ctl");
}

int
main(int argc, char **argv)
{
	static char tag_listener,
				tag_timer,
				tag_stdin;
	int			listener;

	if (argc != 4 && argc != 5)
	{
		fprintf(stderr, "usage: mem_server LINES COUNT DELAY_MS [LARGE]\n");
		return 2;
	}
	load(argv[1], atol(argv[2]));
	delay = atof(argv[3]) / 1000;
	large_len = argc == 5 ? atol(argv[4]) * file_len : 0;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	listener = listen_somewhere();
	watch_new(listener, &tag_listener);
	watch_new(timer, &tag_timer);
	watch_new(STDIN_FILENO, &tag_stdin);

	for (;;)
	{
		struct epoll_event events[256];
		int			count = epoll_wait(epoll, events, 256, -1);
		int			is_due = 0;

		for (int i = 0; i < count; i++)
		{
			void	   *tag = events[i].data.ptr;

			if (tag == &tag_stdin)
				return 0;
			else if (tag == &tag_listener)
				accept_all(listener);
			else if (tag == &tag_timer)
				is_due = 1;
			else if (((Connection *) tag)->writing)
				write_answer(tag);
			else
				read_request(tag);
		}
		/* last, because it may free connections that the events name */
		if (is_due)
			release_due();
	}
}
