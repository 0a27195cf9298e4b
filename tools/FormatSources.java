import com.google.googlejavaformat.java.Formatter;
import com.google.googlejavaformat.java.FormatterException;
import com.google.googlejavaformat.java.ImportOrderer;
import com.google.googlejavaformat.java.JavaFormatterOptions;
import com.google.googlejavaformat.java.RemoveUnusedImports;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Checks, or applies, the source format of the whole tree with google-java-format (Google style).
 *
 * <p>The build starts it once, at the root, as a process of the JDK 25 toolchain: the formatter
 * parses with the compiler of the JDK it runs on, and Maven itself may run on an older one.
 *
 * <p>Usage: {@code FormatSources (check|apply) <root>}
 */
final class FormatSources {

  private static final Set<String> SKIPPED_FOLDERS =
      Set.of("target", "node_modules", "out", "shared");

  private FormatSources() {}

  public static void main(String[] args) throws IOException {
    boolean apply = args[0].equals("apply");
    Path root = Path.of(args[1]).toRealPath();
    Formatter formatter =
        new Formatter(
            JavaFormatterOptions.builder().style(JavaFormatterOptions.Style.GOOGLE).build());

    List<Path> unformatted = new ArrayList<>();
    boolean broken = false;
    for (Path file : javaFiles(root)) {
      String before = Files.readString(file);
      String after;
      try {
        String ordered =
            ImportOrderer.reorderImports(
                RemoveUnusedImports.removeUnusedImports(before), JavaFormatterOptions.Style.GOOGLE);
        after = formatter.formatSource(ordered);
      } catch (FormatterException e) {
        broken = true;
        System.err.println(root.relativize(file) + ": " + e.getMessage());
        continue;
      }
      if (!after.equals(before)) {
        unformatted.add(root.relativize(file));
        if (apply) {
          Files.writeString(file, after);
        }
      }
    }

    for (Path file : unformatted) {
      System.err.println((apply ? "formatted " : "not formatted: ") + file);
    }
    if (!apply && !unformatted.isEmpty()) {
      System.err.println("Format them with: mvn -q -N validate -Dformat=apply");
    }
    if (broken || (!apply && !unformatted.isEmpty())) {
      System.exit(1);
    }
  }

  private static List<Path> javaFiles(Path root) throws IOException {
    List<Path> files = new ArrayList<>();
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path dir, BasicFileAttributes a) {
            String name = dir.getFileName().toString();
            boolean skipped =
                !dir.equals(root) && (SKIPPED_FOLDERS.contains(name) || name.startsWith("."));
            return skipped ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes a) {
            if (file.toString().endsWith(".java")) {
              files.add(file);
            }
            return FileVisitResult.CONTINUE;
          }
        });
    files.sort(null);
    return files;
  }
}
