/*
 * curl_loop.c: the least that libcurl needs to GET many objects.
 *
 *	  curl_loop URLS CONNECTIONS [HEADER…]
 *
 * URLS is a file with one URL a line; the headers are sent with each request.  Up to CONNECTIONS requests are in
 * flight, each on a connection that is kept, driven by curl_multi_poll.
 * Prints the seconds from the first request to the last answer, and the bytes
 * of all bodies.  No listing, no signing, nothing done with the bytes: what
 * s3_json is measured against.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static size_t received;

static size_t
count_bytes(char *data, size_t size, size_t count, void *arg)
{
	(void) data;
	(void) arg;
	received += size * count;
	return size * count;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "curl_loop: %s: %s\n", what, why);
	exit(1);
}

static char **
read_lines(const char *path, size_t *count)
{
	FILE	   *file = fopen(path, "r");
	char	   *line = NULL;
	size_t		room = 0;
	char	  **lines = NULL;

	if (!file)
		die(path, "could not open");
	*count = 0;
	while (getline(&line, &room, file) > 0)
	{
		line[strcspn(line, "\n")] = '\0';
		if (*count % 1024 == 0)
			lines = realloc(lines, (*count + 1024) * sizeof(char *));
		lines[(*count)++] = strdup(line);
	}
	fclose(file);
	free(line);
	return lines;
}

static CURL *
new_request(struct curl_slist *headers)
{
	CURL	   *easy = curl_easy_init();

	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, count_bytes);
	curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	return easy;
}

/* Takes the finished requests off the list, and starts one more for each. */
static size_t
restart_finished(CURLM *multi, char **urls, size_t *next, size_t count)
{
	CURLMsg    *message;
	int			left;
	size_t		finished = 0;

	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		CURL	   *easy = message->easy_handle;

		if (message->data.result != CURLE_OK)
			die("GET", curl_easy_strerror(message->data.result));
		finished++;
		curl_multi_remove_handle(multi, easy);
		if (*next < count)
		{
			curl_easy_setopt(easy, CURLOPT_URL, urls[(*next)++]);
			curl_multi_add_handle(multi, easy);
		}
		else
			curl_easy_cleanup(easy);
	}
	return finished;
}

int
main(int argc, char **argv)
{
	size_t		count,
				next = 0,
				finished = 0;
	long		connections = argc >= 3 ? atol(argv[2]) : 0;
	struct curl_slist *headers = NULL;
	char	  **urls;
	CURLM	   *multi;
	double		start;

	if (connections < 1)
		die("usage", "curl_loop URLS CONNECTIONS [HEADER...]");
	urls = read_lines(argv[1], &count);
	for (int i = 3; i < argc; i++)
		headers = curl_slist_append(headers, argv[i]);
	curl_global_init(CURL_GLOBAL_ALL);
	multi = curl_multi_init();
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections);

	start = now();
	while (next < count && next < (size_t) connections)
	{
		CURL	   *easy = new_request(headers);

		curl_easy_setopt(easy, CURLOPT_URL, urls[next++]);
		curl_multi_add_handle(multi, easy);
	}
	while (finished < count)
	{
		int			running;

		curl_multi_perform(multi, &running);
		finished += restart_finished(multi, urls, &next, count);
		if (finished < count)
			curl_multi_poll(multi, NULL, 0, 100, NULL);
	}
	printf("%.6f %zu\n", now() - start, received);
	return 0;
}
