package dev.warpwright.cli.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The shipped model writes the same text on TornadoVM, in a JVM that is started as TornadoVM wants.
 */
@EnabledIfEnvironmentVariable(
    named = "TORNADOVM_HOME",
    matches = ".+",
    disabledReason = "kernels/tornado is built where an SDK of TornadoVM is")
class TornadoDecoderTest {
  /** As for the shipped model's known answers: twenty times what two implementations differ by. */
  private static final float LOGITS = 5e-4f;

  @ParameterizedTest
  @ValueSource(strings = {"F32", "F16"})
  @Timeout(value = 5, unit = TimeUnit.MINUTES)
  void writesWhatTheCpuWrites(String kv) throws Exception {
    Path jdk = Path.of(System.getProperty("java.home"));
    ProcessBuilder builder =
        new ProcessBuilder(
                jdk.resolve("bin/java").toString(),
                "@" + System.getenv("TORNADOVM_HOME") + "/tornado-argfile",
                "--add-modules",
                "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-Dtornado.recover.bailout=False",
                "-Dtornado.opencl.compiler.flags=-w",
                "-Dtornado.enable.fma=false",
                "-Dtornado.enable.mathOptimizations=false",
                "-cp",
                System.getProperty("java.class.path"),
                GreedyMain.class.getName(),
                kv,
                "cpu",
                "tornado")
            .redirectErrorStream(true);
    // Without it LLVM in an OpenCL driver takes the JVM's signals, as the launcher knows too.
    Path signals = jdk.resolve("lib/libjsig.so");
    if (Files.exists(signals)) {
      builder.environment().put("LD_PRELOAD", signals.toString());
    }
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    List<String> tokens = lines(output, "TOKENS ");
    assertEquals(2, tokens.size(), output);
    assertEquals(tokens.getFirst(), tokens.getLast());
    List<String> logits = lines(output, "LOGITS ");
    assertArrayEquals(floats(logits.getFirst()), floats(logits.getLast()), LOGITS);
  }

  private static List<String> lines(String output, String prefix) {
    return output
        .lines()
        .filter(line -> line.startsWith(prefix))
        .map(line -> line.substring(prefix.length()))
        .toList();
  }

  private static float[] floats(String list) {
    String[] numbers = list.substring(1, list.length() - 1).split(", ", -1);
    float[] values = new float[numbers.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = Float.parseFloat(numbers[i]);
    }
    return values;
  }
}
