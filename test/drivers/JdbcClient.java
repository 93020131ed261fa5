import java.io.StringReader;
import java.sql.*;
import java.util.*;
import java.util.concurrent.*;
import org.postgresql.PGConnection;

/** What BI tools do through pgjdbc: JdbcClient URL.  Prints lines of TAP. */
public class JdbcClient {
    static void check(String name, Object got, Object expected) {
        boolean same = Objects.equals(got, expected);
        System.out.println((same ? "ok" : "not ok") + " - JDBC: " + name);
        if (!same)
            System.out.println("# got " + got + "\n# not " + expected);
    }

    static String stateOf(Callable<?> action) throws Exception {
        try {
            action.call();
            return null;
        } catch (SQLException e) {
            return e.getSQLState();
        }
    }

    static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> values = new ArrayList<>();
        while (rows.next())
            values.add(rows.getString(name));
        return values;
    }

    static long count(Connection conn, String condition) throws SQLException {
        try (Statement statement = conn.createStatement();
             ResultSet rows = statement.executeQuery("SELECT count(*) FROM events WHERE " + condition)) {
            rows.next();
            return rows.getLong(1);
        }
    }

    static void describe(Connection conn) throws Exception {
        DatabaseMetaData about = conn.getMetaData();
        check("foreign tables are found", column(about.getTables(null, "daily", "%", new String[] {"FOREIGN TABLE"}), "TABLE_NAME"),
            List.of("geo_source", "pin_source", "user_source"));
        check("views as well", column(about.getTables(null, "daily", "%", new String[] {"VIEW"}), "TABLE_NAME").size(), 13);
        check("their columns", column(about.getColumns(null, "daily", "users", "%"), "TYPE_NAME"),
            List.of("int4", "text", "int4", "timestamp"));
        check("and comments", column(about.getColumns(null, "daily", "users", "age"), "REMARKS").get(0) != null, true);
    }

    static void read(Connection conn) throws Exception {
        try (PreparedStatement statement = conn.prepareStatement("SELECT id, amount, at, tags, doc FROM events WHERE id = ?")) {
            List<Integer> ids = new ArrayList<>();
            String last = null;
            // The server prepares it from the fifth time on, and answers in the binary format
            for (int n = 0; n < 12; n++) {
                statement.setInt(1, n);
                ResultSet row = statement.executeQuery();
                row.next();
                ids.add(row.getInt(1));
                last = row.getDouble(2) + " " + row.getTimestamp(3).toInstant() + " " + Arrays.toString((Object[]) row.getArray(4).getArray());
            }
            check("prepared", ids, List.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
            check("values", last, "11.25 2020-01-02T03:04:05Z [t11, null]");
        }
        conn.setAutoCommit(false);
        try (Statement statement = conn.createStatement()) {
            statement.setFetchSize(37);
            check("fetched in pieces", column(statement.executeQuery("SELECT id FROM events WHERE id < 500"), "id").size(), 500);
        }
        conn.commit();
    }

    static void write(Connection conn) throws Exception {
        try (PreparedStatement statement = conn.prepareStatement("INSERT INTO events (id, name) VALUES (?, ?)")) {
            for (int n = 0; n < 100; n++) {
                statement.setInt(1, 3000 + n);
                statement.setString(2, "by JDBC");
                statement.addBatch();
            }
            check("a batch writes", Arrays.stream(statement.executeBatch()).filter(rows -> rows >= 0 || rows == Statement.SUCCESS_NO_INFO).count(), 100L);
        }
        long copied = conn.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY events (id, name) FROM STDIN", new StringReader("4000\tby JDBC\n"));
        conn.commit();
        check("so does COPY", List.of(copied, count(conn, "name = 'by JDBC'")), List.of(1L, 101L));
    }

    static void cancel(Connection conn) throws Exception {
        ScheduledExecutorService later = Executors.newSingleThreadScheduledExecutor();
        try (Statement statement = conn.createStatement()) {
            later.schedule(() -> { statement.cancel(); return null; }, 300, TimeUnit.MILLISECONDS);
            check("cancelled while a service does not answer", stateOf(() -> statement.executeQuery("SELECT * FROM hanging")), "57014");
            conn.rollback();
            statement.setQueryTimeout(1);
            check("a time limit", stateOf(() -> statement.executeQuery("SELECT * FROM hanging")), "57014");
            conn.rollback();
        }
        later.shutdown();
        check("then the session goes on", count(conn, "id < 500"), 500L);
    }

    static void run(Connection conn) throws Exception {
        try (PreparedStatement statement = conn.prepareStatement("CALL pinterest.run_pipeline(?)")) {
            statement.setString(1, "daily");
            statement.execute();
            check("a run of a pipeline", statement.getWarnings().getMessage(), "pipeline \"daily\": 2 pin, 2 geo, 2 user records landed");
        }
        conn.commit();
    }

    public static void main(String[] arguments) throws Exception {
        try (Connection conn = DriverManager.getConnection(arguments[0])) {
            describe(conn);
            read(conn);
            write(conn);
            cancel(conn);
            run(conn);
        }
    }
}
