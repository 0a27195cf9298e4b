import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;

/**
 * Where the results of {@code family/stem.cu} and the notes about them lie.
 *
 * @param sources root of the sources
 * @param output root of the results, which are packaged
 * @param work root of the notes, which are not
 */
record KernelFiles(Path sources, Path output, Path work) {
  /** All sources. */
  List<Path> all() throws IOException {
    try (Stream<Path> tree = Files.walk(sources)) {
      return tree.filter(file -> file.toString().endsWith(".cu")).sorted().toList();
    }
  }

  /** Path of a source without its ending. */
  String stem(Path file) {
    String name = sources.relativize(file).toString();
    return name.substring(0, name.length() - ".cu".length());
  }

  /** A result of a source. */
  Path result(Path file, String suffix) {
    return output.resolve(stem(file) + suffix);
  }

  /** A note about a source. */
  Path note(Path file, String suffix) {
    return work.resolve(stem(file) + suffix);
  }

  /** Whether a result is older than something that is named in {@code needed}. */
  static boolean isStale(Path result, Path needed) throws IOException {
    if (!Files.exists(result) || !Files.exists(needed)) {
      return true;
    }
    FileTime made = Files.getLastModifiedTime(result);
    for (String name : Files.readAllLines(needed)) {
      Path dependency = Path.of(name);
      if (!Files.exists(dependency) || Files.getLastModifiedTime(dependency).compareTo(made) > 0) {
        return true;
      }
    }
    return false;
  }

  /** Deletes all results but these. */
  void keepOnly(Collection<Path> wanted) throws IOException {
    if (!Files.exists(output)) {
      return;
    }
    List<Path> results;
    try (Stream<Path> tree = Files.walk(output)) {
      results = tree.filter(KernelFiles::isResult).toList();
    }
    for (Path file : results) {
      if (!wanted.contains(file)) {
        Files.delete(file);
      }
    }
  }

  private static boolean isResult(Path file) {
    return Stream.of(".ptx", ".fatbin", ".so").anyMatch(file.toString()::endsWith);
  }

  /** Writes a text, unless the file holds it already: who takes it for newer would build again. */
  static void write(Path file, String text) throws IOException {
    if (!Files.exists(file) || !Files.readString(file).equals(text)) {
      Files.createDirectories(file.getParent());
      Files.writeString(file, text);
    }
  }
}
