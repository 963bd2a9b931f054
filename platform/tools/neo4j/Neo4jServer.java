import java.nio.file.Files;
import java.nio.file.Path;
import org.neo4j.cli.AdminTool;
import org.neo4j.cli.ExecutionContext;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

/**
 * Neo4j's community server as a program: the registry has its jars, not the launcher of its distribution. Takes the home
 * directory and the configuration file; data is in `data` of the home. NEO4J_AUTH, `neo4j/<password>`, is the account of
 * a new server, as in the official image. Ends whole on SIGTERM.
 */
public final class Neo4jServer {
    private Neo4jServer() {}

    /** Has an effect only before the first start: later the server knows its accounts itself. */
    private static void setInitialPassword(Path home, Path configuration) {
        String account = System.getenv().getOrDefault("NEO4J_AUTH", "");
        boolean known = Files.exists(home.resolve("data/databases/system"))
                || Files.exists(home.resolve("data/dbms/auth.ini"));
        if (known || !account.startsWith("neo4j/")) return;
        var context = new ExecutionContext(home, configuration.getParent());
        String password = account.substring("neo4j/".length());
        int code = AdminTool.execute(context, "dbms", "set-initial-password", password);
        if (code != 0) throw new IllegalStateException("the initial password was not set");
    }

    public static void main(String[] arguments) throws InterruptedException {
        Path home = Path.of(arguments[0]);
        Path configuration = Path.of(arguments[1]);
        setInitialPassword(home, configuration);
        var service = new DatabaseManagementServiceBuilder(home)
                .loadPropertiesFromFile(configuration)
                .build();
        Runtime.getRuntime().addShutdownHook(new Thread(service::shutdown));
        System.out.println("Neo4j is ready");
        Thread.currentThread().join();
    }
}
