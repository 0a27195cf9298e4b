import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Compiles a tree of {@code .cu} files to PTX with nvcc: {@code family/stem.cu} becomes {@code
 * family/stem.sm_80.ptx} and so on. A file is compiled when it, something that it includes, the
 * compiler or its options have changed. {@link KernelBudgets} holds what ptxas says of them to
 * {@code budgets.tsv} beside the sources.
 *
 * <p>Without nvcc nothing is compiled and that is not an error: whoever loads the PTX says that it
 * is missing. A release must have nvcc, and gets {@code family/stem.fatbin} too: machine code for
 * every architecture that is sold, so that nothing is compiled on the user's machine.
 *
 * <p>Kernels of tests may have stack frames, and PTX that is kept with them serves where there is
 * no nvcc. Beside them {@code stem_host.cu} becomes a library for the host, {@code stem_host.so},
 * that they are compared with.
 *
 * <p>Usage: {@code CompileKernels <sources> <output> <work folder> [release|tests]}
 */
final class CompileKernels {
  private static final List<Integer> ARCHITECTURES = List.of(80, 90);

  /** The target whose registers are counted. */
  private static final int MEASURED = 90;

  /** Those that a release has machine code for; PTX of the last one serves what comes after. */
  private static final List<Integer> RELEASED = List.of(80, 86, 89, 90, 100, 120);

  /** Which compiler made the results, for which architectures. */
  private static final String NOTES = "compiled.properties";

  private static final List<String> OPTIONS = List.of("-O3", "-std=c++17");

  /** For the host: rounding modes are set at run time, and nothing is contracted. */
  private static final List<String> HOST_OPTIONS =
      List.of(
          "-shared",
          "-arch=compute_" + MEASURED,
          "-Xcompiler=-fPIC,-frounding-math,-ffp-contract=off");

  private static final Pattern CUDA_VERSION = Pattern.compile("release (\\d+\\.\\d+)");
  private static final Pattern FILE = Pattern.compile("(?m)^(\\s*\\.file\\s+\\d+ \")([^\"]*)(\")");

  private final Path sources;
  private final Path output;
  private final Path work;
  private final Path nvcc;
  private final boolean release;
  private final boolean tests;

  private CompileKernels(Path sources, Path output, Path work, Path nvcc, String purpose) {
    release = purpose.equals("release");
    tests = purpose.equals("tests");
    this.sources = sources;
    this.output = output;
    this.work = work;
    this.nvcc = nvcc;
  }

  public static void main(String[] args) throws Exception {
    Path sources = Path.of(args[0]).toRealPath();
    Path output = Path.of(args[1]).toAbsolutePath();
    Optional<Path> nvcc = findNvcc();
    String purpose = args.length > 3 ? args[3] : "";
    if (nvcc.isEmpty() && purpose.equals("release")) {
      System.err.println("no nvcc (CUDA_HOME, PATH, /usr/local/cuda): a release needs it");
      System.exit(1);
    }
    if (nvcc.isEmpty()) {
      System.err.println(
          "no nvcc (CUDA_HOME, PATH, /usr/local/cuda): the CUDA kernels of "
              + sources
              + (purpose.equals("tests")
                  ? " are not compiled: tests run on the PTX that is kept with them, and functions"
                      + " are not compared with the host"
                  : " are not compiled, and the CUDA provider will say so"));
      forget(output);
      return;
    }
    Path work = Path.of(args[2]).toAbsolutePath();
    Files.createDirectories(work);
    System.exit(new CompileKernels(sources, output, work, nvcc.get(), purpose).compile() ? 0 : 1);
  }

  /** Deletes what an earlier build has made: it may be older than its sources. */
  private static void forget(Path output) throws IOException {
    for (Path file : results(output)) {
      Files.delete(file);
    }
    Files.deleteIfExists(output.resolve(NOTES));
  }

  private static List<Path> results(Path output) throws IOException {
    if (!Files.exists(output)) {
      return List.of();
    }
    try (Stream<Path> tree = Files.walk(output)) {
      return tree.filter(CompileKernels::isResult).toList();
    }
  }

  private static Optional<Path> findNvcc() {
    Stream<String> path =
        Arrays.stream(
            System.getenv().getOrDefault("PATH", "").split(System.getProperty("path.separator")));
    return Stream.concat(
            Stream.concat(
                Stream.ofNullable(System.getenv("CUDA_HOME")).map(home -> home + "/bin"), path),
            Stream.of("/usr/local/cuda/bin"))
        .flatMap(folder -> Stream.of(Path.of(folder, "nvcc"), Path.of(folder, "nvcc.exe")))
        .filter(Files::isExecutable)
        .findFirst();
  }

  private boolean compile() throws Exception {
    String version = run(List.of(nvcc.toString(), "--version"));
    startAnewUnless(version + OPTIONS + ARCHITECTURES + RELEASED + HOST_OPTIONS);
    List<Path> files;
    try (Stream<Path> tree = Files.walk(sources)) {
      files = tree.filter(file -> file.toString().endsWith(".cu")).sorted().toList();
    }
    removeStrays(files);
    boolean good = compileAll(files);
    Matcher release = CUDA_VERSION.matcher(version);
    release.find();
    Path notes = output.resolve(NOTES);
    String text =
        "cuda="
            + release.group(1)
            + "\narchitectures="
            + ARCHITECTURES.stream().map(String::valueOf).collect(Collectors.joining(","))
            + "\n";
    if (!Files.exists(notes) || !Files.readString(notes).equals(text)) {
      Files.createDirectories(output);
      Files.writeString(notes, text);
    }
    return (tests || report(files)) && good;
  }

  /** Forgets all results if they come from another compiler or other options. */
  private void startAnewUnless(String same) throws IOException {
    Path stamp = work.resolve("options.txt");
    if (!Files.exists(stamp) || !Files.readString(stamp).equals(same)) {
      removeStrays(List.of());
      Files.writeString(stamp, same);
    }
  }

  /** Deletes results of sources that are gone. */
  private void removeStrays(List<Path> files) throws IOException {
    List<Path> wanted = new ArrayList<>();
    for (Path file : files) {
      if (isForHost(file)) {
        wanted.add(library(file));
        continue;
      }
      ARCHITECTURES.forEach(architecture -> wanted.add(ptx(file, architecture)));
      if (release) {
        wanted.add(fatbin(file));
      }
    }
    for (Path file : results(output)) {
      if (!wanted.contains(file)) {
        Files.delete(file);
      }
    }
  }

  private static boolean isResult(Path file) {
    return Stream.of(".ptx", ".fatbin", ".so").anyMatch(file.toString()::endsWith);
  }

  private boolean compileAll(List<Path> files) throws Exception {
    List<Future<String>> results = new ArrayList<>();
    try (ExecutorService pool =
        Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
      for (Path file : files) {
        if (isForHost(file)) {
          if (isStale(library(file), note(file, ".so.d"))) {
            Callable<String> task = () -> compileForHost(file);
            results.add(pool.submit(task));
          }
          continue;
        }
        for (int architecture : ARCHITECTURES) {
          if (isStale(ptx(file, architecture), needs(file, architecture))) {
            Callable<String> task = () -> compile(file, architecture);
            results.add(pool.submit(task));
          }
        }
        if (release && isStale(fatbin(file), note(file, ".fatbin.d"))) {
          Callable<String> task = () -> compileForRelease(file);
          results.add(pool.submit(task));
        }
      }
    }
    boolean good = true;
    for (Future<String> result : results) {
      try {
        String said = result.get();
        if (!said.isBlank()) {
          System.err.println(said);
        }
      } catch (ExecutionException e) {
        System.err.println(e.getCause().getMessage());
        good = false;
      }
    }
    return good;
  }

  private String stem(Path file) {
    String name = sources.relativize(file).toString();
    return name.substring(0, name.length() - ".cu".length());
  }

  private Path ptx(Path file, int architecture) {
    return output.resolve(stem(file) + ".sm_" + architecture + ".ptx");
  }

  private Path fatbin(Path file) {
    return output.resolve(stem(file) + ".fatbin");
  }

  private boolean isForHost(Path file) {
    return tests && stem(file).endsWith("_host");
  }

  private Path library(Path file) {
    return output.resolve(stem(file) + ".so");
  }

  private Path needs(Path file, int architecture) {
    return note(file, ".sm_" + architecture + ".d");
  }

  private Path note(Path file, String suffix) {
    return work.resolve(stem(file) + suffix);
  }

  private static boolean isStale(Path result, Path needed) throws IOException {
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

  private String compile(Path file, int architecture) throws IOException, InterruptedException {
    Path ptx = ptx(file, architecture);
    Path fresh = note(file, ".sm_" + architecture + ".ptx");
    final String said =
        nvcc(
            file,
            needs(file, architecture),
            fresh,
            List.of("-ptx", "-lineinfo", "-arch=sm_" + architecture));
    Files.createDirectories(ptx.getParent());
    if (architecture == MEASURED && !tests) {
      Path measured = note(file, ".ptxas.txt");
      Path ptxas = nvcc.resolveSibling("ptxas");
      Files.writeString(
          measured,
          run(
              List.of(
                  Files.isExecutable(ptxas) ? ptxas.toString() : "ptxas",
                  "-v",
                  "-arch=sm_" + architecture,
                  "-o",
                  note(file, ".cubin").toString(),
                  fresh.toString())));
    }
    Files.writeString(ptx, relative(Files.readString(fresh)));
    return said;
  }

  private String compileForRelease(Path file) throws IOException, InterruptedException {
    // No line table: it cannot be made relative here, and would be half of the file.
    List<String> targets = new ArrayList<>(List.of("-fatbin"));
    for (int architecture : RELEASED) {
      targets.add("-gencode");
      targets.add("arch=compute_" + architecture + ",code=sm_" + architecture);
    }
    targets.add("-gencode");
    targets.add("arch=compute_" + RELEASED.getLast() + ",code=compute_" + RELEASED.getLast());
    Files.createDirectories(fatbin(file).getParent());
    return nvcc(file, note(file, ".fatbin.d"), fatbin(file), targets);
  }

  private String compileForHost(Path file) throws IOException, InterruptedException {
    Files.createDirectories(library(file).getParent());
    return nvcc(file, note(file, ".so.d"), library(file), HOST_OPTIONS);
  }

  /** Compiles a file and notes which of our files that took; what the compiler said. */
  private String nvcc(Path file, Path needed, Path result, List<String> targets)
      throws IOException, InterruptedException {
    Files.createDirectories(needed.getParent());
    List<String> command = new ArrayList<>(List.of(nvcc.toString()));
    command.addAll(OPTIONS);
    command.addAll(targets);
    command.addAll(
        List.of(
            "-I" + sources,
            "-MD",
            "-MF",
            needed.toString(),
            "-o",
            result.toString(),
            file.toString()));
    String said = run(command);
    keepOwnDependencies(needed);
    return said;
  }

  /** One path a line; the compiler's own headers are covered by its version. */
  private void keepOwnDependencies(Path file) throws IOException {
    String text = Files.readString(file).replace("\\\n", " ");
    List<String> own =
        Arrays.stream(text.substring(text.indexOf(": ") + 1).trim().split("(?<!\\\\)\\s+"))
            .map(name -> name.replace("\\ ", " "))
            .filter(name -> Path.of(name).toAbsolutePath().startsWith(sources))
            .toList();
    if (own.isEmpty()) {
      throw new IOException(file + " names no source below " + sources);
    }
    Files.write(file, own);
  }

  /** The same PTX on every machine: no absolute paths in the line table. */
  private String relative(String ptx) {
    return FILE.matcher(ptx)
        .replaceAll(
            match -> {
              Path path = Path.of(match.group(2));
              String name =
                  path.startsWith(sources)
                      ? sources.relativize(path).toString().replace('\\', '/')
                      : path.getFileName().toString();
              return Matcher.quoteReplacement(match.group(1) + name + match.group(3));
            });
  }

  /** Holds all kernels to their budgets and writes their table. */
  private boolean report(List<Path> files) throws IOException {
    KernelBudgets budgets = new KernelBudgets(sources.resolve("budgets.tsv"), MEASURED);
    for (Path file : files) {
      Path measured = note(file, ".ptxas.txt");
      if (Files.exists(measured)) { // else it did not compile, which was said
        budgets.add(sources.relativize(file), Files.readString(measured));
      }
    }
    return budgets.report(work.resolve("kernels.tsv"));
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
