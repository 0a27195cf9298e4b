import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Compiles the C kernels of the CPU provider to one shared library, {@code
 * linux-x86_64/libwarpwright_cpu.so}, when a source, an option or the compiler has changed. On
 * other systems, and without gcc, it says so and the build goes on without the library.
 *
 * <p>Files named {@code *_avx512.c} are compiled for that level; all others for any processor, and
 * nothing for the processor of the build. Nothing may be reordered or fused that the source does
 * not fuse: results have the same bits wherever they are computed.
 *
 * <p>Usage: {@code CompileNative <sources> <output> <work folder> [release]}; a release fails
 * without gcc.
 */
final class CompileNative {
  private static final String LIBRARY = "linux-x86_64/libwarpwright_cpu.so";

  private static final List<String> OPTIONS =
      List.of(
          "-std=c11",
          "-O3",
          "-fPIC",
          "-fvisibility=hidden",
          "-ffp-contract=off",
          "-fno-strict-aliasing",
          "-Wall",
          "-Wextra",
          "-Werror");

  private static final List<String> AVX512 =
      List.of(
          "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni", "-mf16c", "-mfma");

  private static final List<String> LINKING =
      List.of("-shared", "-s", "-Wl,-z,relro,-z,now,-z,noexecstack,--build-id=none");

  private CompileNative() {}

  public static void main(String[] args) throws Exception {
    Path sources = Path.of(args[0]).toRealPath();
    Path library = Path.of(args[1]).toAbsolutePath().resolve(LIBRARY);
    Path work = Path.of(args[2]).toAbsolutePath();
    boolean release = args.length > 3 && args[3].equals("release");
    Optional<Path> compiler = isTarget() ? findCompiler() : Optional.empty();
    if (compiler.isEmpty()) {
      System.err.println(
          (isTarget() ? "no gcc on PATH" : "not Linux on x86-64")
              + ": the C kernels of "
              + sources
              + " are not compiled, and the CPU provider will say so");
      Files.deleteIfExists(library);
      System.exit(release ? 1 : 0);
    }
    List<Path> files;
    try (Stream<Path> tree = Files.walk(sources)) {
      files = tree.filter(Files::isRegularFile).sorted().toList();
    }
    Files.createDirectories(work);
    Path stamp = work.resolve("compiled.txt");
    StringBuilder state =
        new StringBuilder(run(List.of(compiler.get().toString(), "--version")))
            .append(OPTIONS)
            .append(AVX512)
            .append(LINKING);
    for (Path file : files) {
      state.append('\n').append(file).append(' ').append(Files.getLastModifiedTime(file));
    }
    if (Files.exists(library)
        && Files.exists(stamp)
        && Files.readString(stamp).contentEquals(state)) {
      return;
    }
    compile(compiler.get().toString(), files, work, library);
    Files.writeString(stamp, state);
  }

  private static boolean isTarget() {
    return System.getProperty("os.name").equals("Linux")
        && System.getProperty("os.arch").equals("amd64");
  }

  private static Optional<Path> findCompiler() {
    return Arrays.stream(System.getenv().getOrDefault("PATH", "").split(":"))
        .map(folder -> Path.of(folder, "gcc"))
        .filter(Files::isExecutable)
        .findFirst();
  }

  private static void compile(String compiler, List<Path> files, Path work, Path library)
      throws IOException, InterruptedException {
    List<String> link = new ArrayList<>(List.of(compiler));
    link.addAll(LINKING);
    link.addAll(List.of("-o", library.toString()));
    for (Path file : files) {
      String name = file.getFileName().toString();
      if (!name.endsWith(".c")) {
        continue;
      }
      Path object = work.resolve(name.replaceFirst("\\.c$", ".o"));
      List<String> command = new ArrayList<>(List.of(compiler));
      command.addAll(OPTIONS);
      if (name.endsWith("_avx512.c")) {
        command.addAll(AVX512);
      }
      command.addAll(List.of("-c", file.toString(), "-o", object.toString()));
      run(command);
      link.add(object.toString());
    }
    Files.createDirectories(library.getParent());
    run(link);
  }

  /** What the command printed; the build fails with that text if the command does. */
  private static String run(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String text = new String(process.getInputStream().readAllBytes());
    if (process.waitFor() != 0) {
      System.err.println(String.join(" ", command) + "\n" + text);
      System.exit(1);
    }
    return text;
  }
}
