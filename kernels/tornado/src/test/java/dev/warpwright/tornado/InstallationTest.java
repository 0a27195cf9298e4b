package dev.warpwright.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Whatever is wrong with TornadoVM is a reason, not a crash. Each in a JVM of its own. */
class InstallationTest {
  private static final String ARGFILE = "@" + System.getenv("TORNADOVM_HOME") + "/tornado-argfile";
  private static final String NO_BAILOUT = "-Dtornado.recover.bailout=False";

  private static String probe(Map<String, String> environment, String... options)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(options));
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), ProbeMain.class.getName()));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().putAll(environment);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    assertTrue(output.contains("SAME"), output);
    return output.substring(output.indexOf("PROBE"));
  }

  @Test
  void aJvmWithoutTheArgfileIsToldToUseIt() throws Exception {
    String output = probe(Map.of());
    assertTrue(output.contains("tornado-argfile"), output);
  }

  @Test
  void aRuntimeThatIsNotThereIsAReason() throws Exception {
    String output = probe(Map.of(), "-Dtornado.load.runtime.implementation=gone", NO_BAILOUT);
    assertTrue(output.contains("TornadoVM does not start"), output);
  }

  @Test
  void silentRecoveryFromCompileErrorsIsRefused() throws Exception {
    String output = probe(Map.of(), ARGFILE);
    assertTrue(output.contains("tornado.recover.bailout is on"), output);
  }

  @Test
  void noPlatformIsAReason() throws Exception {
    String output = probe(Map.of("OCL_ICD_VENDORS", "/nonexistent"), ARGFILE, NO_BAILOUT);
    assertTrue(output.startsWith("PROBE [] ["), output);
    assertTrue(output.contains("TornadoVM"), output);
  }

  @Test
  void devicesAreNamedByBackendAndIndex() throws Exception {
    String output = probe(Map.of(), ARGFILE, NO_BAILOUT);
    assertTrue(output.matches("(?s)PROBE \\[[A-Z]+ 0:0 .*\\] \\[\\].*"), output);
  }
}
