import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
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
 * every architecture that is sold, made of that PTX, so that nothing is compiled on the user's
 * machine. The PTX serves what comes after.
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

  /** Those that a release has machine code for. */
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

  private static final Pattern FILE = Pattern.compile("(?m)^(\\s*\\.file\\s+\\d+ \")([^\"]*)(\")");

  /**
   * Something to make.
   *
   * @param result what
   * @param needed names the files that it was made of
   * @param work makes it; what the compiler said
   */
  private record Step(Path result, Path needed, Callable<String> work) {}

  private final KernelFiles files;
  private final Nvcc nvcc;
  private final boolean release;
  private final boolean tests;

  private CompileKernels(KernelFiles files, Nvcc nvcc, String purpose) {
    this.files = files;
    this.nvcc = nvcc;
    release = purpose.equals("release");
    tests = purpose.equals("tests");
  }

  public static void main(String[] args) throws Exception {
    KernelFiles files =
        new KernelFiles(
            Path.of(args[0]).toRealPath(),
            Path.of(args[1]).toAbsolutePath(),
            Path.of(args[2]).toAbsolutePath());
    String purpose = args.length > 3 ? args[3] : "";
    Optional<Nvcc> nvcc = Nvcc.find();
    if (nvcc.isPresent()) {
      Files.createDirectories(files.work());
      System.exit(new CompileKernels(files, nvcc.get(), purpose).compile() ? 0 : 1);
    }
    if (purpose.equals("release")) {
      System.err.println("no nvcc (CUDA_HOME, PATH, /usr/local/cuda): a release needs it");
      System.exit(1);
    }
    System.err.println(
        "no nvcc (CUDA_HOME, PATH, /usr/local/cuda): the CUDA kernels of "
            + files.sources()
            + (purpose.equals("tests")
                ? " are not compiled: tests run on the PTX that is kept with them, and functions"
                    + " are not compared with the host"
                : " are not compiled, and the CUDA provider will say so"));
    // What an earlier build has made may be older than its sources.
    files.keepOnly(List.of());
    Files.deleteIfExists(files.output().resolve(NOTES));
  }

  private boolean compile() throws Exception {
    startAnewUnless(nvcc.version() + OPTIONS + ARCHITECTURES + RELEASED + HOST_OPTIONS);
    List<Path> sources = files.all();
    List<Step> steps = sources.stream().flatMap(this::steps).toList();
    List<Step> bundles = release ? sources.stream().map(this::bundle).toList() : List.of();
    files.keepOnly(Stream.concat(steps.stream(), bundles.stream()).map(Step::result).toList());
    boolean good = run(steps) && run(bundles);
    KernelFiles.write(
        files.output().resolve(NOTES),
        "cuda="
            + nvcc.cuda()
            + "\narchitectures="
            + joined(ARCHITECTURES)
            + "\nmachineCode="
            + (release ? joined(RELEASED) : "")
            + "\n");
    return (tests || report(sources)) && good;
  }

  /** Forgets all results if they come from another compiler or other options. */
  private void startAnewUnless(String same) throws IOException {
    Path stamp = files.work().resolve("options.txt");
    if (!Files.exists(stamp) || !Files.readString(stamp).equals(same)) {
      files.keepOnly(List.of());
      Files.writeString(stamp, same);
    }
  }

  private static String joined(List<Integer> architectures) {
    return architectures.stream().map(String::valueOf).collect(Collectors.joining(","));
  }

  private Stream<Step> steps(Path file) {
    if (tests && files.stem(file).endsWith("_host")) {
      Path library = files.result(file, ".so");
      Path needed = files.note(file, ".so.d");
      return Stream.of(new Step(library, needed, () -> nvcc(file, HOST_OPTIONS, needed, library)));
    }
    return ARCHITECTURES.stream()
        .map(
            architecture ->
                new Step(
                    files.result(file, ".sm_" + architecture + ".ptx"),
                    needed(file, architecture),
                    () -> compile(file, architecture)));
  }

  private String nvcc(Path file, List<String> targets, Path needed, Path result)
      throws IOException, InterruptedException {
    List<String> options = new ArrayList<>(OPTIONS);
    options.addAll(targets);
    return nvcc.compile(files.sources(), file, options, needed, result);
  }

  private Path needed(Path file, int architecture) {
    return files.note(file, ".sm_" + architecture + ".d");
  }

  /** PTX as the compiler wrote it. */
  private Path fresh(Path file, int architecture) {
    return files.note(file, ".sm_" + architecture + ".ptx");
  }

  private Path cubin(Path file, int architecture) {
    return files.note(file, ".sm_" + architecture + ".cubin");
  }

  /** PTX, and for one architecture what ptxas makes of it. */
  private String compile(Path file, int architecture) throws IOException, InterruptedException {
    Path fresh = fresh(file, architecture);
    List<String> targets = List.of("-ptx", "-lineinfo", "-arch=sm_" + architecture);
    final String said = nvcc(file, targets, needed(file, architecture), fresh);
    if (architecture == MEASURED && !tests) {
      Files.writeString(
          measured(file), nvcc.assemble(fresh, architecture, cubin(file, architecture)));
    }
    Path ptx = files.result(file, ".sm_" + architecture + ".ptx");
    Files.createDirectories(ptx.getParent());
    Files.writeString(ptx, relative(Files.readString(fresh)));
    return said;
  }

  /** Machine code of the newest PTX that each architecture takes. */
  private Step bundle(Path file) {
    Path result = files.result(file, ".fatbin");
    return new Step(
        result,
        needed(file, MEASURED),
        () -> {
          SortedMap<Integer, Path> cubins = new TreeMap<>();
          for (int architecture : RELEASED) {
            Path cubin = cubin(file, architecture);
            int newest = ARCHITECTURES.stream().filter(a -> a <= architecture).reduce(0, Math::max);
            nvcc.assemble(fresh(file, newest), architecture, cubin);
            cubins.put(architecture, cubin);
          }
          return nvcc.bundle(cubins, result);
        });
  }

  private Path measured(Path file) {
    return files.note(file, ".ptxas.txt");
  }

  /** The same PTX on every machine: no absolute paths in the line table. */
  private String relative(String ptx) {
    return FILE.matcher(ptx)
        .replaceAll(
            match -> {
              Path path = Path.of(match.group(2));
              String name =
                  path.startsWith(files.sources())
                      ? files.sources().relativize(path).toString().replace('\\', '/')
                      : path.getFileName().toString();
              return Matcher.quoteReplacement(match.group(1) + name + match.group(3));
            });
  }

  /** Does what is stale, on all processors; says no if something failed. */
  private static boolean run(List<Step> steps) throws Exception {
    List<Future<String>> results = new ArrayList<>();
    try (ExecutorService pool =
        Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
      for (Step step : steps) {
        if (KernelFiles.isStale(step.result, step.needed)) {
          results.add(pool.submit(step.work));
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

  /** Holds all kernels to their budgets and writes their table. */
  private boolean report(List<Path> sources) throws IOException {
    KernelBudgets budgets = new KernelBudgets(files.sources().resolve("budgets.tsv"), MEASURED);
    for (Path file : sources) {
      if (Files.exists(measured(file))) { // else it did not compile, which was said
        budgets.add(files.sources().relativize(file), Files.readString(measured(file)));
      }
    }
    return budgets.report(files.work().resolve("kernels.tsv"));
  }
}
