package dev.warpwright.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.KernelCatalogue;
import dev.warpwright.kernels.KernelCatalogue.Cell;
import dev.warpwright.kernels.KernelCatalogue.Part;
import dev.warpwright.kernels.KernelFamily;
import dev.warpwright.kernels.KernelId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The catalogue, the sources and the README say the same. */
class CatalogueTest {
  private static final String CATALOGUE =
      "kernels/core/src/main/resources/dev/warpwright/kernels/catalogue.tsv";
  private static final String CORE = "kernels/core/src/main/java/dev/warpwright/kernels/";

  private static final String TESTS = "kernels/testkit/src/test/java/dev/warpwright/testkit/";

  /** A contract extends the plan, or a base of several contracts that is named like one. */
  private static final Pattern PLAN = Pattern.compile("(?<!BatchPlan) extends \\w*Plan ");

  private static final Path ROOT = root();

  private static Path root() {
    Path folder = Path.of("").toAbsolutePath();
    while (!Files.exists(folder.resolve(CATALOGUE))) {
      folder = folder.getParent();
    }
    return folder;
  }

  @Test
  void everyKernelHasALine() {
    assertEquals(EnumSet.allOf(KernelId.class), KernelCatalogue.read().keySet());
  }

  @Test
  void whatIsBuiltExistsAndWhatIsNotDoesNot() throws IOException {
    List<String> wrong = new ArrayList<>();
    for (Map.Entry<KernelId, Map<Part, Cell>> line : KernelCatalogue.read().entrySet()) {
      for (Map.Entry<Part, Cell> cell : line.getValue().entrySet()) {
        String file = file(line.getKey(), cell.getKey(), cell.getValue());
        boolean exists = exists(folder(line.getKey(), cell.getKey()), file);
        if (exists != cell.getValue().built()) {
          wrong.add(
              line.getKey()
                  + ", "
                  + cell.getKey()
                  + ": "
                  + file
                  + (exists ? " exists" : " is missing"));
        }
      }
    }
    assertEquals(List.of(), wrong, "correct these cells of " + CATALOGUE);
  }

  private static String file(KernelId kernel, Part part, Cell cell) {
    return (cell.built() && !cell.note().isEmpty()
            ? cell.note()
            : kernel.className() + suffix(part))
        + ".java";
  }

  private static String suffix(Part part) {
    return switch (part) {
      case CONTRACT -> "";
      case REFERENCE -> "Reference";
      case VECTOR -> "Vector";
      case CUDA -> "Cuda";
      case TORNADO -> "Tornado";
      case TEST -> "ContractTest";
      case BENCHMARK -> "Benchmark";
    };
  }

  private static String folder(KernelId kernel, Part part) {
    String family = kernel.family().stem();
    return switch (part) {
      case CONTRACT -> CORE + family;
      case REFERENCE, VECTOR -> CORE + "cpu/" + family;
      case CUDA -> "kernels/cuda";
      case TORNADO -> "kernels/tornado";
      case TEST -> TESTS + family;
      case BENCHMARK -> "bench/peers/src/main/java";
    };
  }

  private static boolean exists(String folder, String file) throws IOException {
    return files(folder).contains(file);
  }

  /** Names of all files below a folder, which may be missing. */
  private static Set<String> files(String folder) throws IOException {
    Path start = ROOT.resolve(folder);
    if (!Files.exists(start)) {
      return Set.of();
    }
    try (Stream<Path> paths = Files.walk(start)) {
      return paths.map(path -> path.getFileName().toString()).collect(Collectors.toSet());
    }
  }

  /** A contract or contract test that no line of the catalogue names is a kernel it lacks. */
  @Test
  void noStrayStems() throws IOException {
    Set<String> contracts = new HashSet<>();
    Set<String> stems = new HashSet<>();
    KernelCatalogue.read()
        .forEach(
            (kernel, parts) -> {
              String file = file(kernel, Part.CONTRACT, parts.get(Part.CONTRACT));
              contracts.add(file.replace(".java", ""));
              stems.add(kernel.className());
            });
    List<String> stray = new ArrayList<>();
    for (KernelFamily family : KernelFamily.values()) {
      String folder = CORE + family.stem();
      for (String file : files(folder)) {
        if (!file.endsWith(".java")) {
          continue;
        }
        // A contract may have another form of the same kernel beside it, such as a stream.
        if (PLAN.matcher(Files.readString(ROOT.resolve(folder, file))).find()
            && contracts.stream().noneMatch(file::startsWith)) {
          stray.add(file);
        }
      }
      for (String file : files(TESTS + family.stem())) {
        if (file.endsWith("ContractTest.java")
            && !stems.contains(file.replace("ContractTest.java", ""))) {
          stray.add(file);
        }
      }
    }
    assertEquals(List.of(), stray);
  }

  @Test
  void readmeHasTheSupportMatrix() throws IOException {
    String readme = Files.readString(ROOT.resolve("README.md")).replace("\r\n", "\n");
    String from = "<!-- support-matrix -->\n";
    String to = "<!-- /support-matrix -->";
    assertTrue(readme.contains(from) && readme.contains(to), "markers");
    assertEquals(
        SupportMatrix.markdown(),
        readme.substring(readme.indexOf(from) + from.length(), readme.indexOf(to)),
        "README.md: put the output of dev.warpwright.testkit.SupportMatrix between the markers");
  }
}
