import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The compiler of a CUDA toolkit.
 *
 * @param executable nvcc; ptxas and fatbinary lie beside it
 * @param version all that it says of itself
 */
record Nvcc(Path executable, String version) {
  private static final Pattern CUDA_VERSION = Pattern.compile("release (\\d+\\.\\d+)");

  /** That of CUDA_HOME, else of the PATH, else of /usr/local/cuda. */
  static Optional<Nvcc> find() throws IOException, InterruptedException {
    Stream<String> path =
        Arrays.stream(
            System.getenv().getOrDefault("PATH", "").split(System.getProperty("path.separator")));
    Optional<Path> found =
        Stream.concat(
                Stream.concat(
                    Stream.ofNullable(System.getenv("CUDA_HOME")).map(home -> home + "/bin"), path),
                Stream.of("/usr/local/cuda/bin"))
            .flatMap(folder -> Stream.of(Path.of(folder, "nvcc"), Path.of(folder, "nvcc.exe")))
            .filter(Files::isExecutable)
            .findFirst();
    return found.isEmpty()
        ? Optional.empty()
        : Optional.of(new Nvcc(found.get(), run(List.of(found.get().toString(), "--version"))));
  }

  /** Version of CUDA, as {@code 13.0}. */
  String cuda() {
    Matcher release = CUDA_VERSION.matcher(version);
    if (!release.find()) {
      throw new IllegalStateException(executable + " does not say its version: " + version);
    }
    return release.group(1);
  }

  /**
   * Compiles.
   *
   * @param sources root of the includes
   * @param file what to compile
   * @param options of the compiler
   * @param needed where to note the files below {@code sources} that it took, one a line; the
   *     compiler's own headers are covered by its version
   * @param result where to
   * @return what the compiler said
   */
  String compile(Path sources, Path file, List<String> options, Path needed, Path result)
      throws IOException, InterruptedException {
    Files.createDirectories(needed.getParent());
    Files.createDirectories(result.getParent());
    List<String> command = new ArrayList<>(List.of(executable.toString()));
    command.addAll(options);
    command.addAll(List.of("-I" + sources, "-MD", "-MF", needed.toString()));
    command.addAll(List.of("-o", result.toString(), file.toString()));
    String said = run(command);
    String text = Files.readString(needed).replace("\\\n", " ");
    List<String> own =
        Arrays.stream(text.substring(text.indexOf(": ") + 1).trim().split("(?<!\\\\)\\s+"))
            .map(name -> name.replace("\\ ", " "))
            .filter(name -> Path.of(name).toAbsolutePath().startsWith(sources))
            .toList();
    if (own.isEmpty()) {
      throw new IOException(needed + " names no source below " + sources);
    }
    Files.write(needed, own);
    return said;
  }

  /**
   * Makes machine code of PTX; what ptxas said of each kernel. Without the line table: it would be
   * half of the file, and has paths of this machine.
   */
  String assemble(Path ptx, int architecture, Path result)
      throws IOException, InterruptedException {
    return run(
        List.of(
            tool("ptxas"),
            "-v",
            "-suppress-debug-info",
            "-arch=sm_" + architecture,
            "-o",
            result.toString(),
            ptx.toString()));
  }

  /** Puts machine code of several architectures into one image. */
  String bundle(SortedMap<Integer, Path> cubins, Path result)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(tool("fatbinary"), "--create=" + result, "-64"));
    cubins.forEach(
        (architecture, cubin) ->
            command.add("--image3=kind=elf,sm=" + architecture + ",file=" + cubin));
    return run(command);
  }

  private String tool(String name) {
    Path beside = executable.resolveSibling(name);
    return Files.isExecutable(beside) ? beside.toString() : name;
  }

  /** What the command printed; an exception with that text if it failed. */
  private static String run(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String text = new String(process.getInputStream().readAllBytes());
    if (process.waitFor() != 0) {
      throw new UncheckedIOException(new IOException(String.join(" ", command) + "\n" + text));
    }
    return text;
  }
}
